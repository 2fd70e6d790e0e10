import ApusPython
import ApusValues

extension Quoting {
    /// A list as `ARRAY[…]`; as the literal `'{}'` or `'{NULL,…}'` where there is no element to tell the type by.
    func append(list: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        try deeper { () throws(PythonError) in
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
        // An adapter's Python code may change the list while it is walked.
        var index = 0
        while index < list.listCount {
            if index > 0 { writer.append(",") }
            let item = PyRef(retaining: list.listItem(index))
            if item.object.isExactList, direct.contains(.list), item.object.listCount == 0 {
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
    private func holdsOnlyNulls(_ list: PyObj) throws(PythonError) -> Bool {
        guard list.listCount > 0 else { return false }
        for index in 0..<list.listCount {
            let item = list.listItem(index)
            if item.isNone { continue }
            guard item.isExactList, item != list else { return false }
            let deep = try deeper { () throws(PythonError) in try holdsOnlyNulls(item) }
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

    /// A sequence as `(1, 2)`, for `IN` and for composites.
    func append(sequence: PyObj, to writer: inout ByteWriter) throws(PythonError) {
        let items = try sequence.asTuple()
        try deeper { () throws(PythonError) in
            writer.append("(")
            for index in 0..<items.object.tupleCount {
                if index > 0 { writer.append(", ") }
                try append(items.object.tupleItem(index), to: &writer)
            }
            writer.append(")")
        }
    }

    /// Raises RecursionError for lists that hold themselves.
    private func deeper<Result>(_ body: () throws(PythonError) -> Result) throws(PythonError) -> Result {
        try Python.recursing(" while quoting a sequence", body)
    }
}
