/// The state of one cluster: its nodes, which of them are in quarantine and until when, and how many sessions each has.
///
/// It is a value without locks, clocks or I/O. Every moment is a parameter: a time since an arbitrary fixed origin.
struct ClusterState {
    /// A node and what this process knows of it. A slot keeps its position while it has sessions.
    struct Slot {
        var node: ClusterNode
        /// Whether the last good list has the node. A node that left the list is not picked.
        var isListed: Bool
        /// Sessions that are open or being opened.
        var sessions: Int32 = 0
        /// The end of the node's quarantine: until then it is picked only if no other node is left.
        var downUntil: Duration?
        /// When the node last sent something to a caller that connected to it.
        var lastAnswer: Duration?
        /// Counts the nodes and addresses that the slot has had.
        var incarnation: UInt32 = 0
    }

    /// Identifies a slot and the node that it has. Slots are reused once they have no sessions; `incarnation` makes
    /// late calls about the previous node have no effect.
    struct SlotID: Sendable, Hashable {
        var position: Int
        var incarnation: UInt32
    }

    /// A session that was counted by the call that returns this.
    struct Counted {
        var slot: SlotID
        var node: ClusterNode
    }

    private(set) var slots: [Slot] = []
    private var free: [Int] = []
    /// What picking compares: for each slot its sessions, or ``excluded`` if it must not be picked.
    private var loads: [Int32] = []
    /// The earliest end of a quarantine; `nil` if no node is in quarantine.
    private var nextQuarantineEnd: Duration?
    private var tiers: [BalancePolicy: [[Int32]]] = [:]
    /// Memory for the positions that tie in a pick.
    private var ties: [Int32] = []
    private var random: SplitMix64

    private static let excluded = Int32.max

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    var listedNodes: [ClusterNode] { slots.filter(\.isListed).map(\.node) }

    // MARK: The list of nodes

    /// Replaces the list of nodes. Nodes that stay keep their sessions and, unless they moved, their quarantine. A node
    /// is recognised by its uuid, or by its endpoint if one of the two rows has no uuid. A row that repeats a node, or
    /// the address of one, is ignored, because a server that was set up anew is listed twice for a while.
    mutating func replaceList(_ nodes: [ClusterNode]) {
        var byUUID: [String: Int] = [:]
        var byEndpoint: [Endpoint: Int] = [:]
        for (position, slot) in slots.enumerated() where slot.isListed || slot.sessions > 0 {
            if let uuid = slot.node.uuid { byUUID[uuid] = position }
            // Of two nodes that had the same address, the listed one is meant.
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
            let position = known ?? addSlot()
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

    /// Adds a slot for a new node, which is not listed yet.
    /// - Returns: its position.
    private mutating func addSlot() -> Int {
        let placeholder = ClusterNode(
            endpoint: Endpoint(host: "", port: 0), placement: Placement(cloud: "", region: "", zone: ""))
        var slot = Slot(node: placeholder, isListed: false)
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

    /// Picks the least loaded node of the best tier and counts a session on it at once. Ties are broken at random.
    ///
    /// Nodes in quarantine come last, in the same order of tiers, because a node that recovered early must be found if
    /// no other is left.
    ///
    /// - Parameter tried: the slots that are not picked.
    mutating func pick(_ policy: BalancePolicy, excluding tried: [SlotID], now: Duration) -> Counted? {
        if let end = nextQuarantineEnd, now >= end { endQuarantines(now) }
        let tiers = tiers(for: policy)
        let tried = tried.isEmpty ? [] : tried.filter(isCurrent).map(\.position)
        let saved = tried.map { loads[$0] }
        for position in tried { loads[position] = Self.excluded }
        defer { for (position, load) in zip(tried, saved) { loads[position] = load } }

        guard let position = leastLoaded(tiers) ?? leastLoadedOfQuarantine(tiers, tried) else { return nil }
        return countSession(position)
    }

    /// Whether a slot still has the node and address that it had when the identifier was made.
    private func isCurrent(_ slot: SlotID) -> Bool { slots[slot.position].incarnation == slot.incarnation }

    /// Counts one more session.
    private mutating func countSession(_ position: Int) -> Counted {
        slots[position].sessions += 1
        if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
        let slot = SlotID(position: position, incarnation: slots[position].incarnation)
        return Counted(slot: slot, node: slots[position].node)
    }

    private mutating func tiers(for policy: BalancePolicy) -> [[Int32]] {
        if let known = tiers[policy] { return known }
        let listed = slots.indices.filter { slots[$0].isListed }.map { (Int32($0), slots[$0].node) }
        let computed = policy.tiers(of: listed)
        // An application has a handful of policies; one that generates them must not make the cache grow for ever.
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

    /// Stores the least loaded positions of a tier at the beginning of ``ties``.
    /// - Returns: how many there are.
    private mutating func collectTies(_ tier: [Int32]) -> Int {
        tier.withUnsafeBufferPointer { tier in
            loads.withUnsafeBufferPointer { loads in
                ties.withUnsafeMutableBufferPointer { ties in
                    var least = Self.excluded - 1
                    var count = 0
                    var index = 0
                    // In a balanced cluster half of all nodes tie, in an order that no branch predictor can learn. Each
                    // position is therefore stored, and counted only if it ties: there is no branch for it.
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

    /// Counts one session less.
    mutating func release(_ slot: SlotID) {
        // The incarnation does not matter, because a slot with sessions is not reused.
        let position = slot.position
        slots[position].sessions -= 1
        if slots[position].isListed {
            if slots[position].downUntil == nil { loads[position] = slots[position].sessions }
        } else if slots[position].sessions == 0 {
            slots[position].downUntil = nil
            free.append(position)
        }
    }

    /// The listed node whose private endpoint this is, or else the one whose public endpoint it is.
    func slot(at endpoint: Endpoint) -> SlotID? {
        let listed = slots.indices.lazy.filter { slots[$0].isListed }
        let position =
            listed.first { slots[$0].node.endpoint == endpoint }
            ?? listed.first { slots[$0].node.answers(at: endpoint) }
        return position.map { SlotID(position: $0, incarnation: slots[$0].incarnation) }
    }

    /// Counts a session that was opened without picking.
    /// - Returns: `nil` if no listed node has that endpoint.
    mutating func countSession(at endpoint: Endpoint) -> Counted? {
        slot(at: endpoint).map { countSession($0.position) }
    }

    /// Puts a node into quarantine until a moment, or for longer if it is in one that ends later.
    mutating func quarantine(_ slot: SlotID, until moment: Duration) {
        guard isCurrent(slot) else { return }
        slots[slot.position].downUntil = max(moment, slots[slot.position].downUntil ?? moment)
        refreshLoads()
    }

    /// Ends a node's quarantine, because a session was opened on it.
    mutating func markReached(_ slot: SlotID) {
        guard isCurrent(slot), slots[slot.position].downUntil != nil else { return }
        slots[slot.position].downUntil = nil
        refreshLoads()
    }

    /// Records that a node sent something to a caller that connects to it.
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
        nextQuarantineEnd = nil
        for (position, slot) in slots.enumerated() {
            loads[position] = slot.isListed && slot.downUntil == nil ? slot.sessions : Self.excluded
            if let moment = slot.downUntil { nextQuarantineEnd = min(nextQuarantineEnd ?? moment, moment) }
        }
    }
}

/// A small random number generator for breaking ties: it makes no system call, and tests can repeat its sequence.
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
