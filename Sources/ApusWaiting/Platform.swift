// Exports the C library to every file that imports ApusWaiting, so that the rooms above need no platform conditions.
#if canImport(Darwin)
@_exported import Darwin
#elseif canImport(Musl)
@_exported import Musl
#else
@_exported import Glibc
#endif
