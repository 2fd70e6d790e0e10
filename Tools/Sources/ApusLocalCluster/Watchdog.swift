import Foundation
import Subprocess

/// A shell that waits for this process to end. If the process ends without taking its cluster down (a crash, or Ctrl-C
/// during a test run), the shell takes it down, so that no server keeps running.
final class Watchdog: Sendable {
    private let dismissal: AsyncStream<Void>.Continuation
    private let shell: Task<Void, Never>

    init(_ folder: ClusterFolder) {
        let (stream, dismissal) = AsyncStream<Void>.makeStream()
        self.dismissal = dismissal
        var options = PlatformOptions()
        options.createSession = true
        let arguments: Arguments = ["-c", Self.script, "apus-watchdog", folder.path, folder.name]
        shell = Task.detached { [options] in
            // Standard input is a pipe from this process. The kernel closes it when the process ends.
            _ = try? await Subprocess.run(
                .name("sh"), arguments: arguments, platformOptions: options,
                input: .inputWriter, output: .discarded, error: .discarded
            ) { execution in
                for await _ in stream {}
                _ = try await execution.standardInputWriter.write("done\n")
                try await execution.standardInputWriter.finish()
            }
        }
    }

    /// Ends the shell and waits until it has ended.
    func dismiss() async {
        dismissal.finish()
        await shell.value
    }

    private static let script = #"""
        cd /
        trap '' INT TERM HUP
        read -r word && exit 0
        [ -d "$1" ] || exit 0
        rm -f "$1/cluster.json"
        of_cluster() {
            for process in /proc/[0-9]*; do
                case "$(readlink "$process/cwd" 2>/dev/null)" in "$1"/universe*/node*) echo "${process#/proc/}" ;; esac
            done
        }
        for file in "$1"/universe*/node*/postmaster.pid; do
            [ -f "$file" ] && read -r pid < "$file" || continue
            [ ! -d /proc/self ] || [ "$(readlink "/proc/$pid/cwd")" = "${file%/postmaster.pid}" ] || continue
            kill -QUIT "$pid"; kill -CONT "$pid"
        done
        tries=0
        while [ "$tries" -lt 80 ] && { [ ! -d /proc/self ] || [ -n "$(of_cluster "$1")" ]; }; do
            [ -d /proc/self ] || [ "$tries" -lt 20 ] || break
            [ "$tries" -lt 10 ] || kill -KILL $(of_cluster "$1")
            tries=$((tries + 1)); sleep 0.1
        done
        if grep -qx "# begin apus cluster $2" /etc/hosts && [ -w /etc/hosts ]; then
            sed "/^# begin apus cluster $2\$/,/^# end apus cluster $2\$/d" /etc/hosts > "$1/hosts.left" &&
                cat "$1/hosts.left" > /etc/hosts
        fi
        rm -rf "$1"
        """#
}
