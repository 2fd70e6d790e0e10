import ApusPQ

/// The keywords that the loaded libpq knows, and the environment variables that give their defaults.
struct KnownKeywords: Sendable {
    /// The names of the variables never change; their values are read at each connect.
    static let shared = KnownKeywords()

    private let variables: [String: String?]

    private init() {
        let known = (try? ConnectionParameter.known()) ?? []
        variables = Dictionary(
            known.map { ($0.keyword, $0.environmentVariable) }, uniquingKeysWith: { first, _ in first })
    }

    func contains(_ keyword: String) -> Bool { variables[keyword] != nil }

    /// The environment variable of a keyword, if it has one.
    func variable(_ keyword: String) -> String? { variables[keyword] ?? nil }
}
