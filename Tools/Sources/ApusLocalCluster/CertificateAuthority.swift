import Foundation

/// The certificate authority of a cluster, made with the `openssl` command, and the certificates of its nodes.
struct CertificateAuthority: Sendable {
    let folder: ClusterFolder
    private static let days = "3650"

    private var key: String { folder.tls + "/ca.key" }

    private func base(of number: Int) -> String { "\(folder.tls)/node\(number)" }

    /// The path of a node's certificate.
    func certificate(of number: Int) -> String { base(of: number) + ".crt" }
    /// The path of a node's key.
    func key(of number: Int) -> String { base(of: number) + ".key" }

    /// Creates the authority. Every user can read `ca.crt`; only this account can read the key.
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

    /// Creates the key and the certificate of a node in its data folder.
    ///
    /// The certificate contains only the host that the node is listed with: a DNS name or an address.
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
            // A random serial number, because nodes that are made concurrently would share a serial file.
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

    /// Returns true if the text is an IP address.
    static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    /// Creates an elliptic-curve key, which takes about 10 ms.
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
