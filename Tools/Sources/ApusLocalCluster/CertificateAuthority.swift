import Foundation

/// The cluster's own authority, made with the `openssl` command, and the nodes' certificates signed by it.
struct CertificateAuthority: Sendable {
    let folder: ClusterFolder
    private static let days = "3650"

    private var key: String { folder.tls + "/ca.key" }

    private func base(of number: Int) -> String { "\(folder.tls)/node\(number)" }

    /// Where a node's certificate is.
    func certificate(of number: Int) -> String { base(of: number) + ".crt" }
    /// Where its key is.
    func key(of number: Int) -> String { base(of: number) + ".key" }

    /// Makes the authority: `ca.crt` for everybody, the key for this account alone.
    func create() async throws {
        guard mkdir(folder.tls, 0o700) == 0 || errno == EEXIST else {
            throw LocalClusterError(.fileSystem, "cannot create \(folder.tls): \(String(cString: strerror(errno)))")
        }
        let configuration = folder.tls + "/ca.cnf"
        let text = """
            [req]
            distinguished_name = name
            x509_extensions = authority
            prompt = no
            [name]
            CN = Apus local cluster \(folder.name)
            [authority]
            basicConstraints = critical, CA:TRUE
            keyUsage = critical, keyCertSign, cRLSign
            subjectKeyIdentifier = hash
            """
        try ClusterFolder.write(Data(text.utf8), to: configuration)
        try await generateKey(key)
        try await openssl(
            [
                "req", "-x509", "-new", "-key", key, "-sha256", "-days", Self.days, "-config", configuration,
                "-out", folder.authorityCertificate,
            ])
        chmod(folder.authorityCertificate, 0o644)
    }

    /// Makes node's key and certificate and puts them into its data folder.
    ///
    /// The certificate carries the host that the node is listed under and nothing else: a DNS name, or an address.
    func issue(for node: ClusterRecord.Node, account: ServerAccount) async throws {
        let base = base(of: node.number)
        let isAddress = Self.isAddress(node.host)
        let text = """
            [req]
            distinguished_name = name
            prompt = no
            [name]
            CN = \(node.host.utf8.count <= 64 ? node.host : "node\(node.number)")
            [server]
            basicConstraints = critical, CA:FALSE
            extendedKeyUsage = serverAuth
            subjectAltName = \(isAddress ? "IP" : "DNS"):\(node.host)
            """
        try ClusterFolder.write(Data(text.utf8), to: base + ".cnf")
        try await generateKey(self.key(of: node.number))
        try await openssl([
            "req", "-new", "-key", base + ".key", "-sha256", "-config", base + ".cnf", "-out", base + ".csr",
        ])
        try await openssl([
            "x509", "-req", "-in", base + ".csr", "-CA", folder.authorityCertificate, "-CAkey", key,
            // A random number, rather than a file of the last one that nodes made at once would share.
            "-set_serial", "0x" + String(UInt64.random(in: 1...(1 << 62)), radix: 16), "-sha256", "-days", Self.days,
            "-extfile", base + ".cnf", "-extensions", "server", "-out", base + ".crt",
        ])
        for name in ["crt", "key"] {
            guard let data = FileManager.default.contents(atPath: "\(base).\(name)") else {
                throw LocalClusterError(.fileSystem, "openssl made no \(base).\(name)")
            }
            let place = "\(folder.data(node))/server.\(name)"
            try ClusterFolder.write(data, to: place, mode: 0o600)
            try account.take(place)
        }
    }

    /// Whether the text is an address rather than a name.
    static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    /// Elliptic curves: a key takes a hundredth of a second.
    private func generateKey(_ path: String) async throws {
        try await openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path])
        chmod(path, 0o600)
    }

    private func openssl(_ arguments: [String]) async throws {
        do {
            try await Command("openssl", arguments).run()
        } catch let error as LocalClusterError where error.message.contains("not found") {
            guard (try? await Command("openssl", ["version"]).run()) == nil else { throw error }
            throw LocalClusterError(.commandFailed, "TLS needs the command openssl: apt-get install openssl")
        }
    }
}
