import ApusCluster
import ApusConnector
import ApusPQ
import ApusWaiting
import CApusPython

/// The clusters as this process knows them, for `psycopg2.apus`.
enum ClusterStatus {
    /// A list of dictionaries, one a node, under the names of the fields of `psycopg2.apus.NodeStatus`.
    static func list() throws(Raised) -> PyObj {
        let now = Monotonic.now
        let list = try Owned(owned(PyList_New(0)))
        for (cluster, contactPoints) in ProcessRegistry.shared.contactPoints {
            let contacts = try Owned(strings(contactPoints.map(\.description)))
            let nodes = cluster.status.sorted {
                ($0.node.endpoint.host, $0.node.endpoint.port) < ($1.node.endpoint.host, $1.node.endpoint.port)
            }
            for status in nodes {
                let entry = try Owned(dictionary(of: status, now: now))
                try check(PyDict_SetItemString(entry.object, "contact_points", contacts.object))
                try check(PyList_Append(list.object, entry.object))
            }
        }
        return list.take()
    }

    /// The policies that connections were asked for under: a list of (load_balance, topology_keys,
    /// fallback_to_topology_keys_only).
    static func policies() throws(Raised) -> PyObj {
        let list = try Owned(owned(PyList_New(0)))
        for policy in ProcessRegistry.shared.policies {
            let entry = try Owned(owned(PyTuple_New(3)))
            try apus_tuple_set(entry.object, 0, python(policy.mode.rawValue))
            try apus_tuple_set(
                entry.object, 1, python(policy.topologyKeys.map(\.description).joined(separator: ",")))
            apus_tuple_set(entry.object, 2, python(policy.fallbackToTopologyKeysOnly))
            try check(PyList_Append(list.object, entry.object))
        }
        return list.take()
    }

    private static func dictionary(of status: Cluster.NodeStatus, now: Duration) throws(Raised) -> PyObj {
        let down = status.downUntil.map { max(.zero, $0 - now) } ?? .zero
        let entry = try Owned(owned(PyDict_New()))
        let object = entry.object
        func set(_ name: StaticString, _ value: consuming PyObj) throws(Raised) {
            let value = Owned(value)
            try check(PyDict_SetItemString(object, name.c, value.object))
        }
        try set("host", python(status.node.endpoint.host))
        try set("port", python(status.node.endpoint.port))
        try set("public_host", status.node.publicHost.map(python) ?? none())
        try set("placement", python(status.node.placement.description))
        try set("kind", python(status.node.kind.rawValue))
        try set("sessions", python(status.sessions))
        try set("down_for", owned(PyFloat_FromDouble(Double(down.clampedNanoseconds) / 1e9)))
        try set("listed", python(status.isListed))
        return entry.take()
    }

    private static func strings(_ values: [String]) throws(Raised) -> PyObj {
        let tuple = try Owned(owned(PyTuple_New(values.count)))
        for (index, value) in values.enumerated() { try apus_tuple_set(tuple.object, index, python(value)) }
        return tuple.take()
    }
}
