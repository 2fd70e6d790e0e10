/// Bytes that are not what their type's format prescribes, or a value that its type cannot hold.
///
/// It is small and needs no allocation, because any bytes that a server sends may cause it.
public struct ValueFormatError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: UInt8, Hashable, Sendable {
        /// The bytes end too early or too late for the value.
        case wrongLength
        /// A field holds something that the format does not allow.
        case malformed
        /// The value exists but does not fit the type that was asked for.
        case outOfRange
        /// Text that is not valid UTF-8.
        case invalidUTF8
        /// A format of a version that is not known.
        case unknownVersion
    }

    public var reason: Reason
    private let typeName: StaticString

    /// The type that was to be read or written, by PostgreSQL's name.
    public var type: String { typeName.description }

    @usableFromInline
    init(_ reason: Reason, _ type: StaticString) {
        self.reason = reason
        typeName = type
    }

    public var description: String {
        switch reason {
        case .wrongLength: "\(type): the value has the wrong length"
        case .malformed: "\(type): the value is malformed"
        case .outOfRange: "\(type): the value is out of range"
        case .invalidUTF8: "\(type): the text is not valid UTF-8"
        case .unknownVersion: "\(type): the value's format has an unknown version"
        }
    }

    public static func == (left: Self, right: Self) -> Bool {
        left.reason == right.reason && left.type == right.type
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(reason)
        hasher.combine(type)
    }
}
