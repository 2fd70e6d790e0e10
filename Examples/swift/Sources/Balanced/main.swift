import Apus

let options: ApusOptions = "host=127.0.0.1 user=yugabyte dbname=yugabyte load_balance=true"

var connections: [ApusConnection] = []
for _ in 1...6 {
    connections.append(try await ApusConnection.connect(options))
}
for connection in connections {
    let rows = try await connection.query("SELECT host(inet_server_addr()), \(40) + \(2)")
    for try await (address, answer) in rows.decode((String, Int).self) {
        print(address, answer)
    }
    await connection.close()
}
