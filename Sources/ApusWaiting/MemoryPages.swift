import CApusSystem

/// Memory pages from the system, without the heap in between.
public enum MemoryPages {
    /// The size of a page in bytes.
    public static let pageSize = Int(apus_page_size())

    /// Maps zeroed memory.
    /// - Parameters:
    ///   - size: bytes, a multiple of ``pageSize``.
    ///   - willFill: whether all of it will be written. If so, its pages are made at once, at a fraction of the cost.
    /// - Returns: the start of the memory; `nil` if there is none.
    public static func map(_ size: Int, willFill: Bool) -> UnsafeMutableRawPointer? {
        apus_map_pages(size, willFill ? 1 : 0)
    }

    /// Returns mapped memory to the system.
    /// - Parameter size: the bytes that were mapped.
    public static func unmap(_ start: UnsafeMutableRawPointer, _ size: Int) { apus_unmap_pages(start, size) }

    /// Returns the free pages of the C library's heap to the system.
    public static func trimHeap() { apus_trim_heap() }
}
