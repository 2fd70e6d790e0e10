import ApusPython
import CApusPsycopg

/// The typecaster of a column of the result, as set by `Cursor.chooseCasts`.
struct ColumnCast {
    /// Borrowed from the cursor.
    let caster: UnsafeMutablePointer<apus_typecaster>
    let decoder: Decoder

    init(_ cast: PyObj) {
        caster = cast.fields(apus_typecaster.self)
        decoder = Decoder(rawValue: caster.pointee.decoder) ?? .python
    }
}
