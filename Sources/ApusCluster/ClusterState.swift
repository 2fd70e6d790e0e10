/// What is known of one cluster: its nodes, who is down and until when, and how many sessions each carries.
///
/// A value without locks, clocks or I/O: every moment is a parameter, a time since an arbitrary fixed origin.
struct ClusterState {
    /// A node and what this process knows of it. A slot keeps its position as long as sessions count on it.
    struct Slot {
        var node: ClusterNode
        /// Whether the last good list has it. One that left the list is no longer picked.
        var isListed: Bool
        /// Sessions open and being opened.
        var sessions: Int32 = 0
        /// Not picked before this moment, unless nobody else is left.
        var downUntil: Duration?
    }

    private(set) var slots: [Slot] = []
    private var free: [Int] = []
    /// What picking looks at, one number a slot: its sessions, or ``excluded`` where it must not be picked.
    private var loads: [Int32] = []
    /// The earliest end of a quarantine; `nil` when nobody is in one.
    private var nextRelease: Duration?
    private var tiers: [BalancePolicy: [[Int32]]] = [:]
    private var random: SplitMix64

    private static let excluded = Int32.max

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    var listedNodes: [ClusterNode] { slots.filter(\.isListed).map(\.node) }

    // MARK: The list of nodes

    /// Takes over a list of nodes. Nodes that stay keep their sessions and their quarantine. A node is known again by
    /// its uuid, or by its endpoint where either side has no uuid; a row that repeats a node is ignored.
    mutating func replaceList(_ nodes: [ClusterNode]) {
        var byUUID: [String: Int] = [:]
        var byEndpoint: [Endpoint: Int] = [:]
        for (position, slot) in slots.enumerated() where slot.isListed || slot.sessions > 0 {
            if let uuid = slot.node.uuid { byUUID[uuid] = position }
            // Of two that stood at one address the listed one is meant.
            if byEndpoint[slot.node.endpoint].map({ !slots[$0].isListed }) ?? true {
                byEndpoint[slot.node.endpoint] = position
            }
            slots[position].isListed = false
        }
        for node in nodes {
            let position = node.uuid.flatMap { byUUID[$0] }
                ?? byEndpoint[node.endpoint].flatMap { node.uuid == nil || slots[$0].node.uuid == nil ? $0 : nil }
                ?? add()
            if slots[position].isListed { continue }
            slots[position].node = node
            slots[position].isListed = true
            if let uuid = node.uuid { byUUID[uuid] = position }
            byEndpoint[node.endpoint] = position
        }
        free = slots.indices.filter { !slots[$0].isListed && slots[$0].sessions == 0 }
        for position in free { slots[position].downUntil = nil }
        tiers = [:]
        refreshLoads()
    }

    /// An unlisted slot for a node that is new.
    private mutating func add() -> Int {
        let nobody = ClusterNode(
            endpoint: Endpoint(host: "", port: 0), placement: Placement(cloud: "", region: "", zone: ""))
        let slot = Slot(node: nobody, isListed: false)
        if let position = free.popLast() {
            slots[position] = slot
            return position
        }
        slots.append(slot)
        loads.append(Self.excluded)
        return slots.count - 1
    }

    // MARK: Picking

    /// Picks the least loaded node of the best tier, ties at random, and counts a session on it at once.
    ///
    /// Nodes in quarantine come last, in the same order of tiers: a node that came back early must be found when it is
    /// the only one.
    ///
    /// - Parameter tried: positions that this caller must not be given again.
    mutating func pick(_ policy: BalancePolicy, excluding tried: [Int], now: Duration) -> Int? {
        if let release = nextRelease, now >= release { endQuarantines(now) }
        let tiers = tiers(for: policy)
        let saved = tried.map { loads[$0] }
        for position in tried { loads[position] = Self.excluded }
        defer { for (position, load) in zip(tried, saved).reversed() { loads[position] = load } }

        if let position = leastLoaded(tiers) ?? leastLoadedOfQuarantine(tiers, tried) {
            slots[position].sessions += 1
            if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
            return position
        }
        return nil
    }

    private mutating func tiers(for policy: BalancePolicy) -> [[Int32]] {
        if let known = tiers[policy] { return known }
        let listed = slots.indices.filter { slots[$0].isListed }.map { (Int32($0), slots[$0].node) }
        let computed = policy.tiers(of: listed)
        // Policies come from applications' settings, a handful each; a program that makes them up must not grow us.
        if tiers.count >= 64 { tiers = [:] }
        tiers[policy] = computed
        return computed
    }

    private mutating func leastLoaded(_ tiers: [[Int32]]) -> Int? {
        for tier in tiers {
            var least = Self.excluded
            var ties = 0
            loads.withUnsafeBufferPointer { loads in
                for position in tier {
                    let load = loads[Int(position)]
                    if load < least {
                        least = load
                        ties = 1
                    } else if load == least {
                        ties += 1
                    }
                }
            }
            if least == Self.excluded { continue }
            var skip = ties == 1 ? 0 : random.below(ties)
            for position in tier where loads[Int(position)] == least {
                if skip == 0 { return Int(position) }
                skip -= 1
            }
        }
        return nil
    }

    private func leastLoadedOfQuarantine(_ tiers: [[Int32]], _ tried: [Int]) -> Int? {
        for tier in tiers {
            let candidates = tier.map(Int.init).filter { slots[$0].downUntil != nil && !tried.contains($0) }
            let best = candidates.min {
                (slots[$0].downUntil ?? .zero, slots[$0].sessions) < (slots[$1].downUntil ?? .zero, slots[$1].sessions)
            }
            if let best { return best }
        }
        return nil
    }

    // MARK: Sessions and quarantine

    /// Gives one session back.
    mutating func release(_ position: Int) {
        slots[position].sessions -= 1
        if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
        guard !slots[position].isListed else { return }
        loads[position] = Self.excluded
        if slots[position].sessions == 0 {
            slots[position].downUntil = nil
            free.append(position)
        }
    }

    /// Counts a session that was opened past the picker, where it went to a node that is known.
    mutating func adopt(_ endpoint: Endpoint) -> Int? {
        guard let position = slots.indices.first(where: { slots[$0].isListed && slots[$0].node.endpoint == endpoint })
        else { return nil }
        slots[position].sessions += 1
        if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
        return position
    }

    /// Keeps a node from being picked until a moment.
    mutating func quarantine(_ position: Int, until moment: Duration) {
        slots[position].downUntil = max(moment, slots[position].downUntil ?? moment)
        refreshLoads()
    }

    /// A node answered: it is up.
    mutating func markReached(_ position: Int) {
        guard slots[position].downUntil != nil else { return }
        slots[position].downUntil = nil
        refreshLoads()
    }

    private mutating func endQuarantines(_ now: Duration) {
        for position in slots.indices where slots[position].downUntil.map({ $0 <= now }) ?? false {
            slots[position].downUntil = nil
        }
        refreshLoads()
    }

    private mutating func refreshLoads() {
        nextRelease = nil
        for (position, slot) in slots.enumerated() {
            loads[position] = slot.isListed && slot.downUntil == nil ? slot.sessions : Self.excluded
            if let moment = slot.downUntil { nextRelease = min(nextRelease ?? moment, moment) }
        }
    }
}

/// A small generator for tie-breaking: no system call a pick, and repeatable in tests.
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next(upperBound: UInt64(bound))) }
}
