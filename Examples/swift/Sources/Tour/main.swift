// A tour of the driver: tables, values, rows, transactions, errors, cancellation. Give it a connection string, or none
// for the cluster that `apus cluster up` brings up.
import Apus

let connection = try await ApusConnection.connect(
    CommandLine.arguments.dropFirst().first ?? "host=127.0.0.1 user=yugabyte dbname=yugabyte load_balance=true",
    timeout: .seconds(30))
print("connected to \(connection.node), server version \(connection.serverVersion)")

try await connection.executeScript(
    """
    DROP TABLE IF EXISTS bird;
    CREATE TABLE bird (id int PRIMARY KEY, name text NOT NULL, grams float8, colours text[]);
    """)

// Interpolated values are bound, whatever is in them.
let birds = [(1, "common swift", 41.5, ["black"]), (2, "alpine swift; DROP TABLE bird", 100.0, ["brown", "white"])]
for (id, name, grams, colours) in birds {
    try await connection.execute("INSERT INTO bird VALUES (\(id), \(name), \(grams), \(colours))")
}

// Rows as tuples, as they come.
let rows = try await connection.query("SELECT id, name, grams, colours FROM bird ORDER BY id")
for try await (id, name, grams, colours) in rows.decode((Int, String, Double?, [String]).self) {
    print(id, name, grams.map { "\($0) g" } ?? "never weighed", colours)
}

// Many statements at once on one connection: they do not wait for each other.
let total = try await withThrowingTaskGroup(of: Double.self) { group in
    for (id, _, _, _) in birds {
        group.addTask { try await connection.first("SELECT grams FROM bird WHERE id = \(id)", as: Double.self) ?? 0 }
    }
    var sum = 0.0
    for try await grams in group { sum += grams }
    return sum
}
print("together \(total) g")

// A transaction: all of it or nothing.
do {
    try await connection.transaction(isolation: .serializable) { transaction in
        try await transaction.execute("UPDATE bird SET grams = grams + 1")
        try await transaction.execute("INSERT INTO bird VALUES (1, 'a second of that number')")
    }
} catch SQLState.uniqueViolation {
    print("rolled back: there is a bird of that number")
}

// A statement takes a time-out; the server stops, and the connection goes on.
do {
    try await connection.execute("SELECT pg_sleep(60)", timeout: .milliseconds(100))
} catch {
    print(error)
}
let count = try await connection.first("SELECT count(*) FROM bird", as: Int.self) ?? 0
print("\(count) birds, all well")
try await connection.execute("DROP TABLE bird")
await connection.close()
