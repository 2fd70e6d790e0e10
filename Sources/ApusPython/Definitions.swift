import CApusPython

// The tables that describe a type or a module to CPython. They are never freed, because CPython keeps pointers to them.

public typealias Property = PyGetSetDef
public typealias Member = PyMemberDef
public typealias Slot = PyType_Slot

public typealias PlainFunction = @convention(c) (PyObj?, PyObj?) -> PyObj?
public typealias KeywordFunction = @convention(c) (PyObj?, PyObj?, PyObj?) -> PyObj?
public typealias FastFunction = @convention(c) (PyObj?, UnsafePointer<PyObj?>?, Int, PyObj?) -> PyObj?
public typealias Getter = @convention(c) (PyObj?, UnsafeMutableRawPointer?) -> PyObj?
public typealias Setter = @convention(c) (PyObj?, PyObj?, UnsafeMutableRawPointer?) -> Int32
public typealias Deallocator = @convention(c) (PyObj?) -> Void
public typealias BinaryOperator = @convention(c) (PyObj?, PyObj?) -> PyObj?

/// An entry of a C table whose last entry consists of zeros.
public protocol TableEntry {
    static var end: Self { get }
}

/// A C table, which is never freed.
public struct Table<Entry: TableEntry>: @unchecked Sendable {
    // Never changed after the initializer.
    let start: UnsafeMutablePointer<Entry>

    fileprivate init(entries: [Entry]) {
        start = UnsafeMutablePointer<Entry>.allocate(capacity: entries.count + 1)
        for (index, entry) in entries.enumerated() { (start + index).initialize(to: entry) }
        (start + entries.count).initialize(to: .end)
    }
}
public typealias Methods = Table<PyMethodDef>
public typealias Properties = Table<Property>
public typealias Members = Table<Member>

/// Converts a C function to `void *`, the type of functions in a table of slots.
func untyped<Function>(_ function: Function) -> UnsafeMutableRawPointer {
    unsafeBitCast(function, to: UnsafeMutableRawPointer.self)
}

// MARK: Docstrings

/// Docstrings for CPython, which takes the text signature from their beginning: `name($self, query, vars=None)`, then
/// `--` and an empty line. `help()` and `inspect.signature()` show it.
enum Docstring {
    /// The bytes of a docstring, with a NUL at the end.
    /// - Parameters:
    ///   - name: of the function, or the qualified name of a type.
    ///   - receiver: `$self` or `$module`, the parameter that a call does not show; nil for a type, which has none.
    ///   - signature: the parameters as Python writes them, in parentheses; nil for a docstring without a signature.
    static func bytes(
        _ name: StaticString, _ receiver: StaticString?, _ signature: StaticString?, _ doc: StaticString
    ) -> [CChar] {
        var text: [CChar] = []
        func append(_ part: StaticString, from start: Int = 0) {
            let count = part.utf8CodeUnitCount - start
            text.append(contentsOf: UnsafeBufferPointer(start: part.c + start, count: count))
        }
        if let signature {
            text.reserveCapacity(name.utf8CodeUnitCount + signature.utf8CodeUnitCount + doc.utf8CodeUnitCount + 20)
            // CPython looks for the part of a type's name after the last dot.
            append(name, from: name.bytes.lastIndex(of: UInt8(ascii: ".")).map { $0 + 1 } ?? 0)
            append("(")
            if let receiver {
                append(receiver)
                // "()" has no parameter to separate from the receiver.
                if signature.utf8CodeUnitCount > 2 { append(", ") }
            }
            append(signature, from: 1)
            append("\n--\n\n")
        }
        append(doc)
        text.append(0)
        return text
    }

    /// The same, kept as long as the process.
    static func permanent(
        _ name: StaticString, _ receiver: StaticString, _ signature: StaticString, _ doc: StaticString
    ) -> UnsafePointer<CChar> {
        let text = bytes(name, receiver, signature, doc)
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
        copy.initialize(from: text, count: text.count)
        return UnsafePointer(copy)
    }
}

// MARK: Methods

/// A method of a type, or a function of a module.
///
/// A signature lists the parameters as Python writes them, without `self`: "(query, vars=None)". Their names are those
/// that ``Arguments`` accepts; parameters before "/" have no keyword. A default is a literal; `...` stands for one that
/// is no literal.
public struct Method: @unchecked Sendable {
    // A C function and texts of the program, which never change.
    fileprivate let name: StaticString
    fileprivate let signature: StaticString
    fileprivate let doc: StaticString
    fileprivate let function: PyCFunction
    fileprivate let flags: Int32

    /// Defines a method without arguments.
    public static func plain(_ name: StaticString, _ doc: StaticString, _ body: @escaping PlainFunction) -> Method {
        Method(name: name, signature: "()", doc: doc, function: body, flags: METH_NOARGS)
    }

    /// Defines a method with one positional argument: "(value, /)".
    public static func one(
        _ name: StaticString, _ signature: StaticString, _ doc: StaticString, _ body: @escaping PlainFunction
    ) -> Method {
        Method(name: name, signature: signature, doc: doc, function: body, flags: METH_O)
    }

    /// Defines a method that gets its arguments as a C array and a tuple of keywords.
    public static func fast(
        _ name: StaticString, _ signature: StaticString, _ doc: StaticString, _ body: @escaping FastFunction
    ) -> Method {
        Method(
            name: name, signature: signature, doc: doc, function: apus_fast(body),
            flags: METH_FASTCALL | METH_KEYWORDS)
    }

    /// Defines a method that gets its arguments as a tuple and a dict.
    public static func keyword(
        _ name: StaticString, _ signature: StaticString, _ doc: StaticString, _ body: @escaping KeywordFunction
    ) -> Method {
        Method(
            name: name, signature: signature, doc: doc, function: apus_keyword(body),
            flags: METH_VARARGS | METH_KEYWORDS)
    }

    fileprivate func entry(_ receiver: StaticString) -> PyMethodDef {
        PyMethodDef(
            ml_name: name.c, ml_meth: function, ml_flags: flags,
            ml_doc: Docstring.permanent(name, receiver, signature, doc))
    }
}

extension PyMethodDef: TableEntry {
    public static var end: PyMethodDef { PyMethodDef(ml_name: nil, ml_meth: nil, ml_flags: 0, ml_doc: nil) }
}

extension Methods {
    /// The methods of a type.
    public init(_ methods: [Method]) { self.init(entries: methods.map { $0.entry("$self") }) }

    /// The functions of a module.
    public init(functions: [Method]) { self.init(entries: functions.map { $0.entry("$module") }) }
}

// MARK: Attributes

extension Properties {
    public init(_ properties: [Property]) { self.init(entries: properties) }
}

extension Members {
    public init(_ members: [Member]) { self.init(entries: members) }
}

extension PyGetSetDef: TableEntry {
    public static var end: Property { Property(name: nil, get: nil, set: nil, doc: nil, closure: nil) }

    /// Defines a computed attribute.
    /// - Parameter closure: a number that is passed to `get` and `set`, so that one function can serve several
    ///   attributes.
    public static func computed(
        _ name: StaticString, _ doc: StaticString, set: Setter? = nil, closure: Int = 0, get: @escaping Getter
    ) -> Property {
        Property(
            name: name.c, get: get, set: set, doc: doc.c, closure: UnsafeMutableRawPointer(bitPattern: closure))
    }
}

/// The C type of a field that Python sees as an attribute.
public enum FieldType: Sendable {
    /// An object; NULL is read as None.
    case object
    case int, long, unsigned
    /// An offset in bytes, for CPython's `__weaklistoffset__`.
    case offset

    var code: Int32 {
        switch self {
        case .object: apus_member_object
        case .int: apus_member_int
        case .long: apus_member_long
        case .unsigned: apus_member_unsigned
        case .offset: apus_member_offset
        }
    }
}

extension PyMemberDef: TableEntry {
    public static var end: Member { Member(name: nil, type: 0, offset: 0, flags: 0, doc: nil) }

    /// Defines an attribute that is a field of a C layout, by its key path.
    public static func field<Layout, Value>(
        _ name: StaticString, _ doc: StaticString, _ path: KeyPath<Layout, Value>, type: FieldType = .object,
        writable: Bool = false
    ) -> Member {
        guard let offset = MemoryLayout<Layout>.offset(of: path) else { return .end }
        return Member(
            name: name.c, type: type.code, offset: offset, flags: writable ? 0 : apus_member_readonly, doc: doc.c)
    }
}

// MARK: Slots

extension PyType_Slot {
    private init(_ slot: Int32, _ pointer: UnsafeMutableRawPointer?) { self.init(slot: slot, pfunc: pointer) }

    public static func methods(_ table: Methods) -> Slot { Slot(Py_tp_methods, table.start) }
    public static func members(_ table: Members) -> Slot { Slot(Py_tp_members, table.start) }
    public static func properties(_ table: Properties) -> Slot { Slot(Py_tp_getset, table.start) }
    public static func new(_ f: @escaping newfunc) -> Slot { Slot(Py_tp_new, untyped(f)) }
    public static func initialize(_ f: @escaping initproc) -> Slot { Slot(Py_tp_init, untyped(f)) }
    public static func dealloc(_ f: @escaping destructor) -> Slot { Slot(Py_tp_dealloc, untyped(f)) }
    public static func traverse(_ f: @escaping traverseproc) -> Slot { Slot(Py_tp_traverse, untyped(f)) }
    public static func clear(_ f: @escaping inquiry) -> Slot { Slot(Py_tp_clear, untyped(f)) }
    public static func repr(_ f: @escaping reprfunc) -> Slot { Slot(Py_tp_repr, untyped(f)) }
    public static func str(_ f: @escaping reprfunc) -> Slot { Slot(Py_tp_str, untyped(f)) }
    public static func call(_ f: @escaping ternaryfunc) -> Slot { Slot(Py_tp_call, untyped(f)) }
    public static func compare(_ f: @escaping richcmpfunc) -> Slot { Slot(Py_tp_richcompare, untyped(f)) }
    public static func hash(_ f: @escaping hashfunc) -> Slot { Slot(Py_tp_hash, untyped(f)) }
    public static func iterator(_ f: @escaping getiterfunc) -> Slot { Slot(Py_tp_iter, untyped(f)) }
    public static func next(_ f: @escaping iternextfunc) -> Slot { Slot(Py_tp_iternext, untyped(f)) }
    public static func length(_ f: @escaping lenfunc) -> Slot { Slot(Py_sq_length, untyped(f)) }
    public static func item(_ f: @escaping ssizeargfunc) -> Slot { Slot(Py_sq_item, untyped(f)) }
    public static func subscripted(_ f: @escaping binaryfunc) -> Slot { Slot(Py_mp_subscript, untyped(f)) }
    public static func mappingLength(_ f: @escaping lenfunc) -> Slot { Slot(Py_mp_length, untyped(f)) }
    public static func assigned(_ f: @escaping objobjargproc) -> Slot { Slot(Py_mp_ass_subscript, untyped(f)) }
    /// `object |= other`
    public static func inPlaceOr(_ f: @escaping binaryfunc) -> Slot { Slot(Py_nb_inplace_or, untyped(f)) }
    public static func buffer(_ f: @escaping getbufferproc) -> Slot { Slot(Py_bf_getbuffer, untyped(f)) }
}

/// The operations of `tp_richcompare`.
public enum Comparison {
    @inlinable public static var equal: Int32 { Py_EQ }
    @inlinable public static var notEqual: Int32 { Py_NE }
}
