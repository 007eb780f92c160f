//! Points as a Parquet file: each column with its type, empty cells as nulls.

use std::sync::Arc;

use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::record::{Cell, SweepRecord};
use crate::report::ReportError;

/// Type of a column: the one that all of its cells have.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Flag,
    Integer,
    Real,
    Text,
}

/// The file.
pub(super) fn file(
    record: &SweepRecord,
    head: &[String],
    rows: &[Vec<Option<Cell>>],
) -> Result<Vec<u8>, ReportError> {
    write(record, head, rows).map_err(|error| ReportError::Parquet(error.to_string()))
}

fn write(record: &SweepRecord, head: &[String], rows: &[Vec<Option<Cell>>]) -> Result<Vec<u8>, ParquetError> {
    let kinds: Vec<Kind> =
        (0..head.len()).map(|at| kind(rows.iter().filter_map(|row| row[at].as_ref()))).collect();
    let fields = head.iter().zip(&kinds).map(|(name, kind)| {
        let (physical, converted) = match kind {
            Kind::Flag => (Physical::BOOLEAN, ConvertedType::NONE),
            Kind::Integer => (Physical::INT64, ConvertedType::NONE),
            Kind::Real => (Physical::DOUBLE, ConvertedType::NONE),
            Kind::Text => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
        };
        let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        Ok(Arc::new(field.with_converted_type(converted).build()?))
    });
    let fields = fields.collect::<Result<Vec<_>, ParquetError>>()?;
    let schema = Arc::new(Type::group_type_builder("points").with_fields(fields).build()?);
    let said = [("sweep", &record.name), ("asks", &record.asks), ("program", &record.program)];
    let said = said.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value.clone())).collect();
    let properties = WriterProperties::builder()
        .set_created_by(record.program.clone())
        .set_key_value_metadata(Some(said))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (at, kind) in kinds.iter().enumerate() {
        let cells = || rows.iter().map(|row| row[at].as_ref());
        let levels: Vec<i16> = cells().map(|cell| i16::from(cell.is_some())).collect();
        let Some(mut column) = group.next_column()? else { break };
        match kind {
            Kind::Flag => {
                let flags = cells().flatten().map(|cell| *cell == Cell::Flag(true)).collect();
                put::<BoolType>(&mut column, flags, &levels)?;
            }
            Kind::Integer => {
                let whole = |cell: &Cell| if let Cell::Integer(number) = cell { *number } else { 0 };
                put::<Int64Type>(&mut column, cells().flatten().map(whole).collect(), &levels)?;
            }
            Kind::Real => {
                let numbers = cells().flatten().map(|cell| cell.number().unwrap_or(f64::NAN)).collect();
                put::<DoubleType>(&mut column, numbers, &levels)?;
            }
            Kind::Text => {
                let texts =
                    cells().flatten().map(|cell| ByteArray::from(cell.to_string().into_bytes())).collect();
                put::<ByteArrayType>(&mut column, texts, &levels)?;
            }
        }
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}

fn put<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    values: Vec<T::T>,
    levels: &[i16],
) -> Result<(), ParquetError> {
    column.typed::<T>().write_batch(&values, Some(levels), None).map(drop)
}

fn kind<'c>(cells: impl Iterator<Item = &'c Cell>) -> Kind {
    let of = |cell: &Cell| match cell {
        Cell::Flag(_) => Kind::Flag,
        Cell::Integer(_) => Kind::Integer,
        Cell::Real(_) => Kind::Real,
        Cell::Text(_) => Kind::Text,
    };
    let both = |a: Kind, b: Kind| match (a, b) {
        (a, b) if a == b => a,
        (Kind::Integer, Kind::Real) | (Kind::Real, Kind::Integer) => Kind::Real,
        _ => Kind::Text,
    };
    // A column without a value is one of words.
    cells.map(of).reduce(both).unwrap_or(Kind::Text)
}
