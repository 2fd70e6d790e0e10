import ApusWaiting
import CApusLibPQ

extension String {
    /// Whether two strings have the same bytes in UTF-8. Swift's `==` also returns `true` for canonically equivalent
    /// strings (`é` as one scalar or as two), but for a server, for DNS and for a file system these are different.
    package func isWritten(as other: String) -> Bool {
        let areEqual = utf8.withContiguousStorageIfAvailable { own in
            other.utf8.withContiguousStorageIfAvailable { others -> Bool in
                guard own.count == others.count else { return false }
                guard let start = own.baseAddress, let otherStart = others.baseAddress else { return own.isEmpty }
                return memcmp(start, otherStart, own.count) == 0
            }
        }
        // Strings that are bridged from Objective-C have no contiguous storage.
        return (areEqual ?? nil) ?? utf8.elementsEqual(other.utf8)
    }

    /// The string without line feeds and carriage returns at its end.
    package var withoutLineEnd: String {
        guard let last = utf8.last, last == 0x0A || last == 0x0D else { return self }
        var end = utf8.endIndex
        while end > utf8.startIndex {
            let before = utf8.index(before: end)
            guard utf8[before] == 0x0A || utf8[before] == 0x0D else { break }
            end = before
        }
        return String(self[..<end])
    }

    /// The values between commas, split byte by byte as libpq splits a list of hosts or ports; none for an empty
    /// string.
    package var commaSeparated: [String] {
        if isEmpty { return [] }
        return utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { String($0) ?? "" }
    }
}
