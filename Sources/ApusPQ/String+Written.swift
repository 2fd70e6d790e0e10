import ApusWaiting
import CApusLibPQ

extension String {
    /// Whether two texts are written with the same bytes. Swift's `==` also equates texts that Unicode calls
    /// canonically equivalent (`é` as one scalar or as two), but for a server, for DNS and for a file system these are
    /// two texts.
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

    /// The text without the line feeds and carriage returns that it ends with.
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

    /// The values between commas, as libpq takes a list of hosts or ports apart: byte by byte. None for an empty text.
    package var commaSeparated: [String] {
        if isEmpty { return [] }
        return utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { String($0) ?? "" }
    }
}
