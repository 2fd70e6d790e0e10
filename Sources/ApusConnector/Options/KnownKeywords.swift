import ApusPQ

/// The keywords of the libpq that runs, and the environment variables that stand in for them.
struct KnownKeywords: Sendable {
    /// The environment is read at each connect; which variable belongs to which keyword never changes.
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
