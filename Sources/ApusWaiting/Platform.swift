// The C library, for every file that imports ApusWaiting: the rooms above have no platform conditions of their own.
#if canImport(Darwin)
@_exported import Darwin
#elseif canImport(Musl)
@_exported import Musl
#else
@_exported import Glibc
#endif
