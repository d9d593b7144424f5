//! How a check reads its input: a byte of options, a byte that says how many sizes follow (its low four bits), the sizes, the stream.

/// The parts of an input.
pub(crate) struct Input<'a> {
    /// Each check gives them a meaning.
    pub(crate) options: u8,
    sizes: &'a [u8],
    /// What the parser reads.
    pub(crate) stream: &'a [u8],
}

impl<'a> Input<'a> {
    /// `None` when there are not even the two leading bytes.
    pub(crate) fn new(data: &'a [u8]) -> Option<Self> {
        let (&[options, count], rest) = data.split_first_chunk::<2>()?;
        let (sizes, stream) = rest.split_at(usize::from(count & 0x0f).min(rest.len()));
        Some(Self { options, sizes, stream })
    }

    /// The stream in pieces of the sizes given, over and over; 0 is a piece of 256. Whole without sizes.
    pub(crate) fn pieces(&self) -> Vec<&'a [u8]> {
        let mut sizes = self.sizes.iter().cycle();
        let mut pieces = Vec::new();
        let mut rest = self.stream;
        while !rest.is_empty() {
            let size = sizes.next().map_or(rest.len(), |size| if *size == 0 { 256 } else { usize::from(*size) });
            let (piece, after) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}
