import ApusPython

/// The text that an exchange sends. It owns its bytes, because the wait for the server outlives what the text was taken
/// from: another thread, a signal handler or a callback may give the cursor another statement meanwhile.
///
/// It is made and let go of under the GIL, because it may hold a Python object.
struct Statement: ~Copyable {
    /// The text. A zero byte follows it, which libpq needs.
    let bytes: UnsafeRawBufferPointer
    private let storage: Storage

    private enum Storage {
        /// A literal of the program, which lives as long as the process.
        case literal
        /// A reference to `bytes` or `str`.
        case object(PyObj)
        case copy(UnsafeMutableRawPointer)
    }

    init(_ literal: StaticString) {
        bytes = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        storage = .literal
    }

    /// Keeps a reference to `bytes`, or to a `str`, whose text is then sent as UTF-8.
    init(_ text: PyObj) throws(PythonError) {
        let bytes: UnsafeRawBufferPointer
        if text.isBytes {
            bytes = text.bytes
        } else {
            let utf8 = try text.utf8
            bytes = utf8
        }
        self.bytes = bytes
        storage = .object(text.retained())
    }

    init(copying text: UnsafeRawBufferPointer) {
        let count = text.count
        let copy = UnsafeMutableRawPointer.allocate(byteCount: count &+ 1, alignment: 1)
        if let start = text.baseAddress { copy.copyMemory(from: start, byteCount: count) }
        copy.storeBytes(of: 0, toByteOffset: count, as: UInt8.self)
        bytes = UnsafeRawBufferPointer(start: copy, count: count)
        storage = .copy(copy)
    }

    deinit {
        switch storage {
        case .literal: break
        case .object(let text): text.release()
        case .copy(let copy): copy.deallocate()
        }
    }
}
