/// A first-in, first-out queue: an array whose front moves, so that removing the first element costs nothing.
struct Deque<Element> {
    private var elements: [Element] = []
    private var front = 0

    var count: Int { elements.count &- front }
    var isEmpty: Bool { front == elements.count }
    var first: Element? { isEmpty ? nil : elements[front] }

    /// The elements in their order.
    var all: ArraySlice<Element> { elements[front...] }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func removeFirst() -> Element? {
        guard front < elements.count else { return nil }
        let element = elements[front]
        front &+= 1
        if front == elements.count {
            elements.removeAll(keepingCapacity: true)
            front = 0
        } else if front >= 64, front &* 2 >= elements.count {
            elements.removeFirst(front)
            front = 0
        }
        return element
    }

    /// Removes every element that `isTaken` accepts, asked in order.
    mutating func removeAll(where isTaken: (Element) -> Bool) {
        elements.removeFirst(front)
        front = 0
        elements.removeAll(where: isTaken)
    }

    mutating func removeAll() -> ArraySlice<Element> {
        defer {
            elements = []
            front = 0
        }
        return all
    }
}
