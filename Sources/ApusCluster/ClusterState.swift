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
        /// Not picked before this moment, unless no other node is left.
        var downUntil: Duration?
        /// When it last answered a caller that connected to it.
        var lastAnswer: Duration?
        /// Counts the nodes and addresses that the slot has meant.
        var incarnation: UInt32 = 0
    }

    /// A slot, and the node at the address that it meant then: once no session counts on a slot it serves another node,
    /// and what is said of the former must not hit the latter.
    struct SlotID: Sendable, Hashable {
        var position: Int
        var incarnation: UInt32
    }

    /// A session that was counted just now.
    struct Counted {
        var slot: SlotID
        var node: ClusterNode
    }

    private(set) var slots: [Slot] = []
    private var free: [Int] = []
    /// What picking looks at, one number a slot: its sessions, or ``excluded`` where it must not be picked.
    private var loads: [Int32] = []
    /// The earliest end of a quarantine; `nil` when no node is in one.
    private var nextRelease: Duration?
    private var tiers: [BalancePolicy: [[Int32]]] = [:]
    /// Room for the positions that tie in a pick.
    private var ties: [Int32] = []
    private var random: SplitMix64

    private static let excluded = Int32.max

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    var listedNodes: [ClusterNode] { slots.filter(\.isListed).map(\.node) }

    // MARK: The list of nodes

    /// Takes over a list of nodes. Nodes that stay keep their sessions and, unless they moved, their quarantine. A node
    /// is known again by its uuid, or by its endpoint where either side has no uuid; a row that repeats a node, or the
    /// address of one (a server that was set up anew is listed twice for a while), is ignored.
    mutating func replaceList(_ nodes: [ClusterNode]) {
        var byUUID: [String: Int] = [:]
        var byEndpoint: [Endpoint: Int] = [:]
        for (position, slot) in slots.enumerated() where slot.isListed || slot.sessions > 0 {
            if let uuid = slot.node.uuid { byUUID[uuid] = position }
            // Of two that stood at one address the listed one is meant.
            if byEndpoint[slot.node.endpoint].map({ !slots[$0].isListed }) ?? true {
                byEndpoint[slot.node.endpoint] = position
            }
        }
        for position in slots.indices { slots[position].isListed = false }

        var taken = Set<ClusterNode.Addresses>()
        for node in nodes {
            let known =
                node.uuid.flatMap { byUUID[$0] }
                ?? byEndpoint[node.endpoint].flatMap { node.uuid == nil || slots[$0].node.uuid == nil ? $0 : nil }
            if let known, slots[known].isListed { continue }
            guard taken.insert(node.addresses).inserted else { continue }
            let position = known ?? add()
            if slots[position].node.addresses != node.addresses {
                slots[position].incarnation &+= 1
                slots[position].downUntil = nil
                slots[position].lastAnswer = nil
            }
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
        var slot = Slot(node: nobody, isListed: false)
        if let position = free.popLast() {
            slot.incarnation = slots[position].incarnation &+ 1
            slots[position] = slot
            return position
        }
        slots.append(slot)
        loads.append(Self.excluded)
        ties.append(0)
        return slots.count - 1
    }

    // MARK: Picking

    /// Picks the least loaded node of the best tier, ties at random, and counts a session on it at once.
    ///
    /// Nodes in quarantine come last, in the same order of tiers: a node that came back early must be found when it is
    /// the only one.
    ///
    /// - Parameter tried: what this caller must not be given again.
    mutating func pick(_ policy: BalancePolicy, excluding tried: [SlotID], now: Duration) -> Counted? {
        if let release = nextRelease, now >= release { endQuarantines(now) }
        let tiers = tiers(for: policy)
        let tried = tried.isEmpty ? [] : tried.filter(isCurrent).map(\.position)
        let saved = tried.map { loads[$0] }
        for position in tried { loads[position] = Self.excluded }
        defer { for (position, load) in zip(tried, saved) { loads[position] = load } }

        guard let position = leastLoaded(tiers) ?? leastLoadedOfQuarantine(tiers, tried) else { return nil }
        return count(position)
    }

    /// Whether a slot still means the node at the address that it meant.
    private func isCurrent(_ slot: SlotID) -> Bool { slots[slot.position].incarnation == slot.incarnation }

    /// Counts one session more.
    private mutating func count(_ position: Int) -> Counted {
        slots[position].sessions += 1
        if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
        let slot = SlotID(position: position, incarnation: slots[position].incarnation)
        return Counted(slot: slot, node: slots[position].node)
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
            let count = collectTies(tier)
            if count > 0 { return Int(ties[count == 1 ? 0 : random.below(count)]) }
        }
        return nil
    }

    /// Puts the least loaded positions of a tier first in ``ties``.
    /// - Returns: how many they are.
    private mutating func collectTies(_ tier: [Int32]) -> Int {
        tier.withUnsafeBufferPointer { tier in
            loads.withUnsafeBufferPointer { loads in
                ties.withUnsafeMutableBufferPointer { ties in
                    var least = Self.excluded - 1
                    var count = 0
                    var index = 0
                    // Half of all nodes tie when a cluster is balanced, in no order that a processor could foresee:
                    // each is written down, and counted only if it ties, so that nothing branches on it.
                    while index < tier.count {
                        let position = tier[index]
                        let load = loads[Int(position)]
                        if load < least {
                            least = load
                            count = 0
                        }
                        ties[count] = position
                        count &+= load == least ? 1 : 0
                        index &+= 1
                    }
                    return count
                }
            }
        }
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
    mutating func release(_ slot: SlotID) {
        // A session that counts on a slot keeps it from meaning another node: the incarnation does not matter.
        let position = slot.position
        slots[position].sessions -= 1
        if slots[position].isListed {
            if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
        } else if slots[position].sessions == 0 {
            slots[position].downUntil = nil
            free.append(position)
        }
    }

    /// The listed node at an address, its own or, where none has it for its own, its public one.
    func slot(at endpoint: Endpoint) -> SlotID? {
        let listed = slots.indices.lazy.filter { slots[$0].isListed }
        let position =
            listed.first { slots[$0].node.endpoint == endpoint }
            ?? listed.first { slots[$0].node.answers(at: endpoint) }
        return position.map { SlotID(position: $0, incarnation: slots[$0].incarnation) }
    }

    /// Counts a session that was opened past the picker, where it went to a node that is known.
    mutating func adopt(_ endpoint: Endpoint) -> Counted? { slot(at: endpoint).map { count($0.position) } }

    /// Keeps a node from being picked until a moment.
    mutating func quarantine(_ slot: SlotID, until moment: Duration) {
        guard isCurrent(slot) else { return }
        slots[slot.position].downUntil = max(moment, slots[slot.position].downUntil ?? moment)
        refreshLoads()
    }

    /// A node answered: it is up.
    mutating func markReached(_ slot: SlotID) {
        guard isCurrent(slot), slots[slot.position].downUntil != nil else { return }
        slots[slot.position].downUntil = nil
        refreshLoads()
    }

    /// A node answered a caller that connects to it.
    mutating func markAnswered(_ slot: SlotID, at now: Duration) {
        guard isCurrent(slot) else { return }
        slots[slot.position].lastAnswer = max(now, slots[slot.position].lastAnswer ?? now)
    }

    func lastAnswer(_ slot: SlotID) -> Duration? { isCurrent(slot) ? slots[slot.position].lastAnswer : nil }

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
