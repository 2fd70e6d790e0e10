import CApusSystem

/// Memory that comes straight from the system, a page at a time, and goes straight back to it.
public enum MemoryPages {
    /// Bytes a page.
    public static let pageSize = Int(apus_page_size())

    /// Maps zeroed memory.
    /// - Parameters:
    ///   - size: bytes, a multiple of ``pageSize``.
    ///   - willFill: whether all of it will be written: its pages are then made at once, at a fraction of the cost.
    /// - Returns: `nil` if there is no memory.
    public static func map(_ size: Int, willFill: Bool) -> UnsafeMutableRawPointer? {
        apus_map_pages(size, willFill ? 1 : 0)
    }

    /// Gives mapped memory back.
    public static func unmap(_ start: UnsafeMutableRawPointer, _ size: Int) { apus_unmap_pages(start, size) }

    /// Gives the free pages of the C library's heap back to the system.
    public static func trimHeap() { apus_trim_heap() }
}
