import ApusPQ
import ApusPython
import ApusSessions
import CApusPsycopg

extension Connection {
    func makeCursor(_ given: Arguments) throws(PythonError) -> PyRef {
        try checkOpen()
        let state = module
        if core.opening != nil {
            throw raise(state.pointee.operationalError, "asynchronous connection attempt underway")
        }
        let own = fields.pointee.cursor_factory.flatMap { $0.isNone ? nil : $0 }
        // It may put another factory in its place.
        let factory = PyRef(retaining: given.unlessNone(1) ?? own ?? state.pointee.cursor)
        let name = given.unlessNone(0)
        if name != nil, core.isAsynchronous {
            throw raise(state.pointee.programmingError, "asynchronous connections cannot produce named cursors")
        }
        // A factory gets the name in any case, None where there is none: its signature need not have a default.
        let made = try factory.object.call(object, name ?? Python.none)
        guard made.object.isInstance(of: state.pointee.cursor) else {
            throw raiseTypeError("cursor factory must be subclass of psycopg2.extensions.cursor")
        }
        let cursor = made.object.fields(apus_cursor.self)
        // As in psycopg2: only False itself is what an unnamed cursor has already.
        if let withhold = given[2], !withhold.isFalseObject {
            guard name != nil else {
                throw raise(state.pointee.programmingError, "'withhold' can be specified only for named cursors")
            }
            let truth = try withhold.truth
            cursor.pointee.withhold = truth ? 1 : 0
        }
        if let scrollable = given.unlessNone(3) {
            guard name != nil else {
                throw raise(state.pointee.programmingError, "'scrollable' can be specified only for named cursors")
            }
            let truth = try scrollable.truth
            cursor.pointee.scrollable = truth ? 1 : 0
        }
        return made
    }
}
