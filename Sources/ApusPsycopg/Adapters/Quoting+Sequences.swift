import ApusValues
import CApusPython

extension Quoting {
    /// A list as `ARRAY[…]`; as the literal `'{}'` or `'{NULL,…}'` where there is no element to tell the type by.
    func append(list: PyObj, to writer: inout ByteWriter) throws(Raised) {
        try deeper { () throws(Raised) in
            if apus_list_size(list) == 0 {
                writer.append("'{}'")
            } else if try holdsOnlyNulls(list) {
                writer.append("'")
                appendNulls(list, to: &writer)
                writer.append("'")
            } else {
                try append(arrayOf: list, to: &writer)
            }
        }
    }

    private func append(arrayOf list: PyObj, to writer: inout ByteWriter) throws(Raised) {
        writer.append("ARRAY[")
        // An adapter's Python code may change the list while it is walked.
        var index = 0
        while index < apus_list_size(list) {
            if index > 0 { writer.append(",") }
            let item = Owned(apus_list_get(list, index).retained())
            if apus_is_exact_list(item.object) != 0, direct.contains(.list), apus_list_size(item.object) == 0 {
                // Inside of an array, an empty one takes its type from its neighbours.
                writer.append("ARRAY[]")
            } else {
                try append(item.object, to: &writer)
            }
            index += 1
        }
        writer.append("]")
    }

    /// Whether the list holds nothing but None and lists that hold nothing else, at least one None in each.
    private func holdsOnlyNulls(_ list: PyObj) throws(Raised) -> Bool {
        guard apus_list_size(list) > 0 else { return false }
        for index in 0..<apus_list_size(list) {
            let item = apus_list_get(list, index)
            if item.isNone { continue }
            guard apus_is_exact_list(item) != 0, item != list else { return false }
            let deep = try nested { () throws(Raised) in try holdsOnlyNulls(item) }
            if !deep { return false }
        }
        return true
    }

    private func appendNulls(_ list: PyObj, to writer: inout ByteWriter) {
        writer.append("{")
        for index in 0..<apus_list_size(list) {
            if index > 0 { writer.append(",") }
            let item = apus_list_get(list, index)
            if item.isNone { writer.append("NULL") } else { appendNulls(item, to: &writer) }
        }
        writer.append("}")
    }

    /// A sequence as `(1, 2)`, for `IN` and for composites.
    func append(sequence: PyObj, to writer: inout ByteWriter) throws(Raised) {
        let items = try Owned(owned(PySequence_Tuple(sequence)))
        try deeper { () throws(Raised) in
            writer.append("(")
            for index in 0..<apus_tuple_size(items.object) {
                if index > 0 { writer.append(", ") }
                try append(apus_tuple_get(items.object, index), to: &writer)
            }
            writer.append(")")
        }
    }

    /// Guards the C stack against lists that hold themselves: RecursionError.
    private func deeper(_ body: () throws(Raised) -> Void) throws(Raised) {
        if Py_EnterRecursiveCall(" while quoting a sequence") != 0 { throw Raised() }
        defer { Py_LeaveRecursiveCall() }
        try body()
    }

    private func nested(_ body: () throws(Raised) -> Bool) throws(Raised) -> Bool {
        if Py_EnterRecursiveCall(" while quoting a sequence") != 0 { throw Raised() }
        defer { Py_LeaveRecursiveCall() }
        return try body()
    }
}
