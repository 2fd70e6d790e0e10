import CApusOpenSSL
import Foundation

/// The certificate and the key of a TLS server.
final class TLSIdentity {
    fileprivate let context: OpaquePointer

    /// - Parameters:
    ///   - certificate: the path of a file in PEM.
    ///   - key: the path of its key, a file in PEM.
    /// - Throws: ``LocalClusterError`` (`fileSystem`) for files that OpenSSL cannot use.
    init(certificate: String, key: String) throws {
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw LocalClusterError(.commandFailed, "OpenSSL is out of memory")
        }
        self.context = context
        apus_ssl_forbid_resumption(context)
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
            SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
        else { throw LocalClusterError(.fileSystem, "OpenSSL cannot use \(certificate) with \(key)") }
    }

    deinit { SSL_CTX_free(context) }
}

/// The server's side of one TLS connection, in memory: encrypted bytes in and out, without a socket.
final class TLSServer {
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// True if the client closed the connection or violated the protocol.
    private(set) var isOver = false

    init?(_ identity: TLSIdentity) {
        guard let ssl = SSL_new(identity.context) else { return nil }
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(ssl)
            return nil
        }
        (self.ssl, self.incoming, self.outgoing) = (ssl, incoming, outgoing)
        // OpenSSL owns both from here on.
        SSL_set_bio(ssl, incoming, outgoing)
        SSL_set_accept_state(ssl)
    }

    deinit { SSL_free(ssl) }

    /// Processes data from the client, including the handshake, and returns the decrypted data.
    func receive(_ bytes: [UInt8]) -> [UInt8] {
        _ = bytes.withUnsafeBytes { BIO_write(incoming, $0.baseAddress, Int32(clamping: $0.count)) }
        var plain: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while !isOver {
            let count = SSL_read(ssl, &buffer, Int32(buffer.count))
            if count > 0 {
                plain += buffer[..<Int(count)]
                continue
            }
            if SSL_get_error(ssl, count) == SSL_ERROR_WANT_READ { break }
            isOver = true
        }
        return plain
    }

    var isReady: Bool { SSL_is_init_finished(ssl) == 1 }

    /// Encrypts at most 16,384 bytes as one record.
    func send(record bytes: ArraySlice<UInt8>) {
        let count = bytes.withUnsafeBytes { SSL_write(ssl, $0.baseAddress, Int32(clamping: $0.count)) }
        if count <= 0 { isOver = true }
    }

    /// Returns the encrypted data to send to the client.
    func takeOutput() -> [UInt8] {
        let pending = BIO_ctrl_pending(outgoing)
        if pending == 0 { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(pending)) { buffer, count in
            count = Int(max(0, BIO_read(outgoing, buffer.baseAddress, Int32(clamping: buffer.count))))
        }
    }
}
