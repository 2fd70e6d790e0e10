import ApusCluster
import ApusConnector
import ApusPQ
import ApusPython
import ApusWaiting

/// The state of the clusters that this process knows, for `psycopg2.apus`.
enum ClusterStatus {
    /// Returns a list with one dictionary per node. Its keys are the fields of `psycopg2.apus.NodeStatus`.
    static func list() throws(PythonError) -> PyRef {
        let now = Monotonic.now
        let list = try PyRef(listOf: 0)
        for (cluster, contactPoints) in ProcessRegistry.shared.contactPoints {
            let contacts = try strings(contactPoints.map(\.description))
            let nodes = cluster.status.sorted {
                ($0.node.endpoint.host, $0.node.endpoint.port) < ($1.node.endpoint.host, $1.node.endpoint.port)
            }
            for status in nodes {
                let entry = try dictionary(of: status, now: now)
                try entry.object.set("contact_points", to: contacts.object)
                try list.object.append(entry.object)
            }
        }
        return list
    }

    /// Returns the policies that connections have used: a list of (load_balance, topology_keys,
    /// fallback_to_topology_keys_only).
    static func policies() throws(PythonError) -> PyRef {
        let list = try PyRef(listOf: 0)
        for policy in ProcessRegistry.shared.policies {
            let entry = try PyRef(tupleOf: 3)
            try entry.set(tupleItem: 0, to: PyRef(policy.mode.rawValue))
            try entry.set(tupleItem: 1, to: PyRef(policy.topologyKeys.map(\.description).joined(separator: ",")))
            entry.set(tupleItem: 2, to: PyRef(policy.fallbackToTopologyKeysOnly))
            try list.object.append(entry.object)
        }
        return list
    }

    private static func dictionary(of status: Cluster.NodeStatus, now: Duration) throws(PythonError) -> PyRef {
        let down = status.downUntil.map { max(.zero, $0 - now) } ?? .zero
        let entry = try PyRef.dict()
        let object = entry.object
        func set(_ name: StaticString, _ value: consuming PyRef) throws(PythonError) {
            try object.set(name, to: value.object)
        }
        try set("host", PyRef(status.node.endpoint.host))
        try set("port", PyRef(status.node.endpoint.port))
        try set("public_host", status.node.publicHost.map(PyRef.init) ?? PyRef.none)
        try set("placement", PyRef(status.node.placement.description))
        try set("kind", PyRef(status.node.kind.rawValue))
        try set("sessions", PyRef(status.sessions))
        try set("down_for", PyRef(Double(down.clampedNanoseconds) / 1e9))
        try set("listed", PyRef(status.isListed))
        return entry
    }

    private static func strings(_ values: [String]) throws(PythonError) -> PyRef {
        let tuple = try PyRef(tupleOf: values.count)
        for (index, value) in values.enumerated() { try tuple.set(tupleItem: index, to: PyRef(value)) }
        return tuple
    }
}
