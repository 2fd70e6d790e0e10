import ApusPython
import ApusWaiting

/// Remembers the objects recently made for the cells of one column, by the cells' bytes, so that a currency, a state or
/// a day that repeats is one object. It is used only while it often has the object.
struct CellMemo {
    /// An object and the bytes of its cell.
    private struct Slot {
        var object: PyObj?
        var count: Int
        var bytes: (UInt64, UInt64, UInt64, UInt64)
    }
    private static let slotBits: UInt64 = 8
    private static let slotCount = 1 << Int(slotBits)
    private static let largestCell = 32
    /// The number of cells after which it is checked that at least half of them were known.
    private static let window = 256

    private let slots: UnsafeMutablePointer<Slot>
    private let slotCount: Int
    private var asked = 0
    private var known = 0
    /// True while it has often had the object.
    private(set) var isUseful: Bool

    /// - Parameter mayRepeat: false for a memo that is never used.
    init(mayRepeat: Bool) {
        isUseful = mayRepeat
        let count = mayRepeat ? Self.slotCount : 0
        slots = .allocate(capacity: count)
        slots.initialize(repeating: Slot(object: nil, count: 0, bytes: (0, 0, 0, 0)), count: count)
        slotCount = count
    }

    func deallocate() {
        for index in 0..<slotCount { slots[index].object?.release() }
        slots.deallocate()
    }

    /// Returns the object of a cell as a new reference, otherwise the slot to store it in.
    @inline(__always)
    mutating func find(_ bytes: UnsafeRawBufferPointer) -> (object: PyObj?, place: Int?) {
        guard let start = bytes.baseAddress, bytes.count > 0, bytes.count <= Self.largestCell else { return (nil, nil) }
        asked &+= 1
        if asked == Self.window {
            isUseful = known >= Self.window / 2
            (asked, known) = (0, 0)
        }
        let place = Self.place(start, bytes.count)
        let slot = slots + place
        guard let object = slot.pointee.object, slot.pointee.count == bytes.count,
            memcmp(Self.start(of: slot), start, bytes.count) == 0
        else { return (nil, place) }
        known &+= 1
        return (object.retained(), nil)
    }

    /// Stores the object of a cell in a slot that `find` returned.
    func store(_ object: PyObj, of bytes: UnsafeRawBufferPointer, at place: Int) {
        guard let start = bytes.baseAddress, bytes.count <= Self.largestCell else { return }
        let slot = slots + place
        memcpy(Self.start(of: slot), start, bytes.count)
        slot.pointee.count = bytes.count
        replace(&slot.pointee.object, with: PyRef(retaining: object))
    }

    private static func start(of slot: UnsafeMutablePointer<Slot>) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(slot) + (MemoryLayout<Slot>.offset(of: \.bytes) ?? 0)
    }

    /// Chooses a slot by the first and the last bytes of the cell, because values of one type differ in them.
    @inline(__always)
    private static func place(_ start: UnsafeRawPointer, _ count: Int) -> Int {
        let key: UInt64
        if count >= 8 {
            let last = (start + (count &- 8)).loadUnaligned(as: UInt64.self)
            key = start.loadUnaligned(as: UInt64.self) ^ (last &<< 23 | last &>> 41)
        } else if count >= 4 {
            let last = (start + (count &- 4)).loadUnaligned(as: UInt32.self)
            key = UInt64(start.loadUnaligned(as: UInt32.self)) ^ UInt64(last) &<< 32
        } else {
            let middle = start.load(fromByteOffset: count / 2, as: UInt8.self)
            let last = start.load(fromByteOffset: count &- 1, as: UInt8.self)
            key = UInt64(start.load(as: UInt8.self)) | UInt64(middle) &<< 8 | UInt64(last) &<< 16
        }
        let mixed = (key &+ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
        return Int(truncatingIfNeeded: mixed &>> (64 - slotBits))
    }
}
