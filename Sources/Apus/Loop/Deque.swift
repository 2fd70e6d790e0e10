/// A first-in, first-out queue. It is an array whose front moves, so that removing the first element is cheap.
struct Deque<Element> {
    private var elements: [Element] = []
    private var front = 0

    var count: Int { elements.count &- front }
    var isEmpty: Bool { front == elements.count }
    var first: Element? { isEmpty ? nil : elements[front] }

    /// All elements, oldest first.
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

    /// Removes every element for which a function returns `true`. It is called in the elements' order.
    mutating func removeAll(where isRemoved: (Element) -> Bool) {
        elements.removeFirst(front)
        front = 0
        elements.removeAll(where: isRemoved)
    }

    /// Removes and returns all elements.
    mutating func removeAll() -> ArraySlice<Element> {
        defer {
            elements = []
            front = 0
        }
        return all
    }
}
