import ApusPython

/// Makes the types of connections, cursors, large objects, and of the objects that they return.
func makeConnections(_ state: UnsafeMutablePointer<ModuleState>, in owner: PyObj) throws(PythonError) {
    state.pointee.connection = try ConnectionType.make(in: owner).take()
    try owner.add(state.pointee.connection, as: "connection")
    state.pointee.cursor = try CursorType.make(in: owner).take()
    try owner.add(state.pointee.cursor, as: "cursor")
    state.pointee.lobject = try LargeObjectType.make(in: owner).take()
    try owner.add(state.pointee.lobject, as: "lobject")
    state.pointee.replicationMessage = try ReplicationMessage.makeType(in: owner).take()
    try owner.add(state.pointee.replicationMessage, as: "ReplicationMessage")
    state.pointee.replicationCursor = try ReplicationCursorType.make(in: owner).take()
    try owner.add(state.pointee.replicationCursor, as: "ReplicationCursor")
    state.pointee.column = try Column.makeType(in: owner).take()
    try owner.add(state.pointee.column, as: "Column")
    state.pointee.notify = try makeNotifyType(in: owner).take()
    try owner.add(state.pointee.notify, as: "Notify")
    state.pointee.connectionInfo = try ConnectionInfo.makeType(in: owner).take()
    try owner.add(state.pointee.connectionInfo, as: "ConnectionInfo")
}
