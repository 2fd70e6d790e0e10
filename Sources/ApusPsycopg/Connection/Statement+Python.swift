import ApusPython
import ApusSessions

extension Statement {
    /// Keeps a reference to a `bytes`, or to a `str`, which is sent as UTF-8. The statement must be released under the
    /// GIL.
    init(_ text: PyObj) throws(PythonError) {
        let bytes = try text.isBytes ? text.bytes : text.utf8
        self.init(bytes, ownedBy: UnsafeMutableRawPointer(text.retained())) {
            PyObj($0).release()
        }
    }
}
