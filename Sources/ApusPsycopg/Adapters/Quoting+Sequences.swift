import ApusPython
import ApusValues

extension Quoting {
    /// Writes a list as `ARRAY[…]`, or as the literal `'{}'` or `'{NULL,…}'` if it has no element from which the server
    /// could infer the type.
    func append(list: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        try guardingRecursion { () throws(PythonError) in
            if list.listCount == 0 {
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

    private func append(arrayOf list: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        writer.append("ARRAY[")
        // The size is read again for each element, because an adapter's Python code may change the list.
        var index = 0
        while index < list.listCount {
            if index > 0 { writer.append(",") }
            let item = PyRef(retaining: list.listItem(index))
            if item.object.isExactList, direct.contains(.list), item.object.listCount == 0 {
                // An empty array within an array gets its type from its siblings.
                writer.append("ARRAY[]")
            } else {
                try append(item.object, to: &writer)
            }
            index += 1
        }
        writer.append("]")
    }

    /// True if the list contains only None and lists for which this is true, and contains at least one of them.
    private func holdsOnlyNulls(_ list: PyObj) throws(PythonError) -> Bool {
        guard list.listCount > 0 else { return false }
        for index in 0..<list.listCount {
            let item = list.listItem(index)
            if item.isNone { continue }
            guard item.isExactList, item != list else { return false }
            let deep = try guardingRecursion { () throws(PythonError) in try holdsOnlyNulls(item) }
            if !deep { return false }
        }
        return true
    }

    private func appendNulls(_ list: PyObj, to writer: inout ByteWriter) {
        writer.append("{")
        for index in 0..<list.listCount {
            if index > 0 { writer.append(",") }
            let item = list.listItem(index)
            if item.isNone { writer.append("NULL") } else { appendNulls(item, to: &writer) }
        }
        writer.append("}")
    }

    /// Writes a sequence as `(1, 2)`, for `IN` and for composite types.
    func append(sequence: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let items = try sequence.asTuple()
        try guardingRecursion { () throws(PythonError) in
            writer.append("(")
            for index in 0..<items.object.tupleCount {
                if index > 0 { writer.append(", ") }
                try append(items.object.tupleItem(index), to: &writer)
            }
            writer.append(")")
        }
    }

    /// Raises RecursionError for lists that contain themselves.
    private func guardingRecursion<Result>(_ body: () throws(PythonError) -> Result) throws(PythonError) -> Result {
        try Python.recursing(" while quoting a sequence", body)
    }
}
