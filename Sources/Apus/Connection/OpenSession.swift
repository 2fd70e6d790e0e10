import ApusCluster
import ApusPQ

/// An open connection and the place that it holds on its node. The place is given back when the connection closes.
struct OpenSession: ~Copyable {
    var connection: PQConnection
    let reservation: Reservation?

    init(_ connection: consuming PQConnection, _ reservation: Reservation?) {
        self.connection = connection
        self.reservation = reservation
    }

    deinit { reservation?.release() }
}
