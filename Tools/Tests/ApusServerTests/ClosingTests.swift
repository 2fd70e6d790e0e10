import ApusLocalCluster
import CApusLibPQ
import Synchronization
import Testing

@testable import Apus

extension AllTests {
    @Suite struct ClosingTests {
        /// Records when libpq frees a connection: whether the lock was free, on which thread, and how often.
        private final class Witness: Sendable {
            let core: Mutex<ConnectionCore?>
            let wasFree = Mutex<[Bool]>([])
            init(_ core: ConnectionCore) { self.core = Mutex(core) }

            /// Registers a function that libpq calls when it frees the connection.
            func attach() {
                core.withLock { $0 }?.state.withLock { state in
                    guard let pointer = state.session?.connection.pointer else { return }
                    let accepted = PQregisterEventProc(
                        pointer,
                        { event, _, context in
                            guard event == PGEVT_CONNDESTROY, let context else { return 1 }
                            let witness = Unmanaged<Witness>.fromOpaque(context).takeUnretainedValue()
                            let core = witness.core.withLock { $0 }
                            let isFree = core?.state.withLockIfAvailable { _ in true } ?? false
                            witness.wasFree.withLock { $0.append(isFree) }
                            return 1
                        }, "witness", Unmanaged.passUnretained(self).toOpaque())
                    #expect(accepted == 1)
                }
            }
        }

        /// Closing takes system calls in libpq; no other task must wait for them.
        @Test func theGoodbyeIsSaidWithoutTheLock() async throws {
            let connection = try await ApusConnection.connect(try await Servers.options)
            let witness = Witness(connection.core)
            witness.attach()
            await connection.close()
            #expect(witness.wasFree.withLock { $0 } == [true])
        }

        @Test func aLostConnectionIsFreedWithoutTheLock() async throws {
            try await withConnection { killer in
                let connection = try await ApusConnection.connect(try await Servers.options)
                let witness = Witness(connection.core)
                witness.attach()
                try await killer.execute("SELECT pg_terminate_backend(\(connection.backendPID))")
                #expect(try await eventually { !witness.wasFree.withLock { $0 }.isEmpty })
                #expect(witness.wasFree.withLock { $0 } == [true])
                #expect(connection.isClosed)
            }
        }

        /// `close` returns after Terminate was sent, so that the session ends at once.
        @Test func theSessionEndsWithTheCall() async throws {
            try await withConnection { observer in
                let connection = try await ApusConnection.connect(try await Servers.options)
                let pid = connection.backendPID
                await connection.close()
                #expect(
                    try await eventually {
                        try await observer.first(
                            "SELECT count(*) FROM pg_stat_activity WHERE pid = \(pid)", as: Int.self) == 0
                    })
            }
        }
    }
}
