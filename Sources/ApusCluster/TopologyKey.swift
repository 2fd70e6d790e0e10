/// One entry of `topology_keys`: the placements of nodes, and how much they are preferred.
///
/// Written `cloud.region.zone[:preference]`. The zone may be `*`, cloud and region may not; a preference is 1 (first)
/// to 10 and 1 when missing. Source: YugabyteDB's documentation, "Smart drivers", topology keys. White space around a
/// key is ignored and names are compared without regard to case, as its JDBC driver does.
public struct TopologyKey: Sendable, Hashable, CustomStringConvertible {
    /// The option's name.
    public static let keyword = "topology_keys"
    /// The valid preferences.
    public static let preferences = 1...10

    /// The cloud's name.
    public var cloud: String
    /// The region's name.
    public var region: String
    /// `nil` for every zone of the region.
    public var zone: String?
    /// 1 (first) to 10.
    public var preference: Int

    /// Parses one key.
    /// - Throws: ``InvalidOption`` naming what is wrong with the key.
    public init(_ text: String) throws(InvalidOption) {
        try self.init(Self.trimmed(text[...]), of: text)
    }

    /// Works on bytes, because a separator with a combining mark behind it is another `Character`.
    private init(_ key: Substring, of whole: String) throws(InvalidOption) {
        func invalid(_ why: String) -> InvalidOption {
            let place = key.utf8.elementsEqual(whole.utf8) ? "" : " in \"\(key)\""
            return InvalidOption(
                Self.keyword, whole,
                expected: "cloud.region.zone[:preference], separated by commas, where zone may be *"
                    + " and preference is 1 to 10; \(why)\(place)")
        }
        var placement = key
        preference = Self.preferences.lowerBound
        if let colon = key.utf8.firstIndex(of: UInt8(ascii: ":")) {
            placement = key[..<colon]
            let number = Self.trimmed(key[key.utf8.index(after: colon)...])
            guard !number.isEmpty, number.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let preference = Int(number), Self.preferences.contains(preference)
            else { throw invalid("there is preference \"\(number)\"") }
            self.preference = preference
        }
        let parts = Self.split(placement, UInt8(ascii: ".")).map(Self.trimmed)
        if key.isEmpty { throw invalid("there is an empty key") }
        guard parts.count == 3 else {
            throw invalid(parts.count == 1 ? "there is 1 part" : "there are \(parts.count) parts")
        }
        if parts.contains(where: \.isEmpty) { throw invalid("there is an empty part") }
        if parts[..<2].contains(where: { $0.utf8.elementsEqual("*".utf8) }) {
            throw invalid("there is * for cloud or region")
        }
        if parts.contains(where: { $0.utf8.count > 1 && $0.utf8.contains(UInt8(ascii: "*")) }) {
            throw invalid("there is * within a name")
        }
        cloud = String(parts[0])
        region = String(parts[1])
        zone = parts[2].utf8.elementsEqual("*".utf8) ? nil : String(parts[2])
    }

    /// Parses the value of `topology_keys`: keys separated by commas. An empty value has no keys.
    /// - Throws: ``InvalidOption`` naming what is wrong with a key.
    public static func parse(_ value: String) throws(InvalidOption) -> [TopologyKey] {
        if trimmed(value[...]).isEmpty { return [] }
        var keys: [TopologyKey] = []
        for key in split(value[...], UInt8(ascii: ",")) {
            try keys.append(TopologyKey(trimmed(key), of: value))
        }
        return keys
    }

    /// Whether the key means nodes at a placement.
    public func matches(_ placement: Placement) -> Bool {
        Self.same(cloud, placement.cloud) && Self.same(region, placement.region)
            && (zone.map { Self.same($0, placement.zone) } ?? true)
    }

    public var description: String { "\(cloud).\(region).\(zone ?? "*"):\(preference)" }

    public static func == (left: Self, right: Self) -> Bool {
        guard left.cloud.isWritten(as: right.cloud), left.region.isWritten(as: right.region),
            left.preference == right.preference
        else { return false }
        guard let zone = left.zone, let other = right.zone else { return left.zone == nil && right.zone == nil }
        return zone.isWritten(as: other)
    }

    private static func same(_ a: String, _ b: String) -> Bool {
        a.isWritten(as: b) || a.lowercased().isWritten(as: b.lowercased())
    }

    private static func split(_ text: Substring, _ separator: UInt8) -> [Substring] {
        text.utf8.split(separator: separator, omittingEmptySubsequences: false).map(Substring.init)
    }

    private static func trimmed(_ text: Substring) -> Substring {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        var bytes = text.utf8.drop(while: isSpace)
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return Substring(bytes)
    }
}
