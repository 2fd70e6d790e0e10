import ApusCluster
import ApusPQ

/// A server that a connect tries: a node, a contact point, or a source of the list. It may have several addresses.
final class Place: Sendable {
    enum Kind: Sendable {
        /// A node that was picked. Its session is counted while the place is tried.
        case node(Reservation)
        /// A contact point that a session is opened on, because no node can be picked.
        case contactPoint
        /// A node or a contact point that is asked for the list.
        case source(ClusterRegistry.SourceKind)

        var role: FailureAction.Role {
            switch self {
            case .node: .node
            case .contactPoint: .contactPoint
            case .source: .source
            }
        }
    }

    let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    /// What the place is, for an error message, such as a node's placement.
    var description: String {
        switch kind {
        case .node(let reservation): "\(reservation.node.placement), \(reservation.node.kind.rawValue)"
        case .contactPoint, .source(.contactPoint): "contact point"
        case .source(.knownNode): "node"
        }
    }

    var reservation: Reservation? {
        if case .node(let reservation) = kind { reservation } else { nil }
    }

    /// The addresses of a node for which this is the place, best first.
    func addresses(of node: ClusterNode, _ addressing: Cluster.Addressing) -> [PlaceAddress] {
        let own = PlaceAddress(self, Target(node.endpoint), .privateHost)
        guard let publicHost = node.publicHost, publicHost != node.endpoint.host else { return [own] }
        // If the public address is in numbers, the private name is kept for TLS.
        let keepsName = HostAddresses.isNumeric(publicHost) && !HostAddresses.isNumeric(node.endpoint.host)
        let target =
            keepsName
            ? Target(node.endpoint, address: publicHost) : Target(host: publicHost, port: node.endpoint.port)
        let other = PlaceAddress(self, target, .publicHost)
        switch addressing {
        case .privateHost: return [own]
        case .publicHost: return [other]
        case .undecided: return [own, other]
        }
    }
}

/// One of the addresses of a place.
struct PlaceAddress: Sendable {
    let place: Place
    let target: Target
    let addressing: Cluster.Addressing

    init(_ place: Place, _ target: Target, _ addressing: Cluster.Addressing = .privateHost) {
        self.place = place
        self.target = target
        self.addressing = addressing
    }
}
