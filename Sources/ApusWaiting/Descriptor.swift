/// System calls on a descriptor, for types that have methods of the same names.
public enum Descriptor {
    /// Closes a descriptor.
    public static func close(_ descriptor: Int32) { _ = systemClose(descriptor) }
}

private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }
