import ApusCluster
import ApusPQ

/// An open connection, and its reservation on its node, which is released when the connection is closed.
struct OpenSession: ~Copyable {
    var connection: PQConnection
    let reservation: Reservation?

    init(_ connection: consuming PQConnection, _ reservation: Reservation?) {
        self.connection = connection
        self.reservation = reservation
    }

    deinit { reservation?.release() }
}
