import Foundation
import Synchronization

@testable import Apus

/// A server that runs a script of the test, for behaviour that PostgreSQL cannot be made to show. It accepts every
/// client without a password, and then runs the script for it on a thread.
final class ScriptedServer: Sendable {
    /// A client that has logged in.
    final class Client: Sendable {
        private let descriptor: Int32

        fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }

        /// The next message: its type and its content; `nil` when the client is gone.
        func read() -> (type: Character, bytes: [UInt8])? {
            guard let type = read(count: 1)?.first, let bytes = readSized() else { return nil }
            return (Character(UnicodeScalar(type)), bytes)
        }

        /// Reads up to the next Sync, which ends the messages of a pipelining client; `false` when it is gone.
        func readStatement() -> Bool {
            while let message = read() { if message.type == "S" || message.type == "Q" { return true } }
            return false
        }

        /// The same; returns the text of the statement to parse, or `nil`.
        func readParsed() -> String? {
            var text = ""
            while let message = read() {
                if message.type == "S" { return text }
                // The name of the prepared statement precedes its text.
                if message.type == "P" { text = String(decoding: message.bytes.split(separator: 0)[0], as: UTF8.self) }
            }
            return nil
        }

        func send(_ messages: [UInt8]...) {
            var bytes = messages.flatMap { $0 }[...]
            while !bytes.isEmpty {
                let count = bytes.withUnsafeBytes { Foundation.send(descriptor, $0.baseAddress, $0.count, flags) }
                if count <= 0 { return }
                bytes = bytes.dropFirst(count)
            }
        }

        /// Blocks until the client hangs up.
        func waitForEnd() { while read() != nil {} }

        fileprivate func readSized() -> [UInt8]? {
            guard let size = read(count: 4)?.reduce(0, { $0 << 8 | Int($1) }), size >= 4 else { return nil }
            return read(count: size - 4)
        }

        private func read(count: Int) -> [UInt8]? {
            var bytes: [UInt8] = []
            while bytes.count < count {
                var piece = [UInt8](repeating: 0, count: count - bytes.count)
                let got = recv(descriptor, &piece, piece.count, 0)
                if got <= 0 { return nil }
                bytes += piece.prefix(got)
            }
            return bytes
        }

        private var flags: Int32 {
            #if canImport(Darwin)
            0
            #else
            Int32(MSG_NOSIGNAL)
            #endif
        }
    }

    let port: Int
    private let listener: Mutex<Int32>

    /// - Parameter greeting: messages that are sent in one piece with the end of the handshake.
    init(greeting: [UInt8] = [], _ script: @escaping @Sendable (Client) -> Void) throws {
        #if canImport(Darwin)
        let listener = socket(AF_INET, SOCK_STREAM, 0)
        #else
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard listener >= 0, isBound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.listener = Mutex(listener)
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 { return }
                let client = Client(descriptor)
                Thread.detachNewThread { if Self.letIn(client, greeting) { script(client) } }
            }
        }
    }

    deinit { stopListening() }

    /// Refuses every further client, such as one that would deliver a cancel.
    func stopListening() {
        listener.withLock { listener in
            if listener < 0 { return }
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
            listener = -1
        }
    }

    var options: ApusOptions {
        var options = ApusOptions("sslmode=disable gssencmode=disable")
        options.host = "127.0.0.1"
        options.port = port
        options.user = "test"
        options.database = "test"
        return options
    }

    /// The start of a session; `false` for a cancel, which it does not answer.
    private static func letIn(_ client: Client, _ greeting: [UInt8]) -> Bool {
        guard let start = client.readSized(), start.prefix(4) == [0, 3, 0, 0] else { return false }
        client.send(
            message("R", [0, 0, 0, 0]), parameter("server_version", "15.0"), parameter("client_encoding", "UTF8"),
            parameter("standard_conforming_strings", "on"), message("K", [0, 0, 0, 1, 0, 0, 0, 1]), ready,
            greeting)
        return true
    }

    // MARK: Messages

    static let ready = message("Z", Array("I".utf8))

    static func message(_ type: Character, _ bytes: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: UInt32(bytes.count + 4).bigEndian) { Array(String(type).utf8) + $0 + bytes }
    }

    static func parameter(_ name: String, _ value: String) -> [UInt8] { message("S", text(name) + text(value)) }

    static func notification(_ channel: String, _ payload: String) -> [UInt8] {
        message("A", [0, 0, 0, 9] + text(channel) + text(payload))
    }

    static func notice(_ message: String) -> [UInt8] { self.message("N", fields("NOTICE", "00000", message)) }

    static func fatal(_ message: String) -> [UInt8] { self.message("E", fields("FATAL", "57P01", message)) }

    static func error(state: String?, _ message: String) -> [UInt8] {
        self.message("E", fields("ERROR", state, message))
    }

    private static func fields(_ severity: String, _ state: String?, _ message: String) -> [UInt8] {
        text("S\(severity)") + text("V\(severity)") + (state.map { text("C\($0)") } ?? []) + text("M\(message)") + [0]
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }
}
