use crate::{Error, Measurements, Ramdisk};

/// Largest image that is parsed: kernel, program and trust configuration together are a tenth of it.
pub const MAX_IMAGE_BYTES: usize = 1 << 29;

const MAGIC: [u8; 4] = *b".eif";
/// The version with metadata, which `nitro-cli` writes since 1.2.
const VERSION: u16 = 4;
/// No bit is set: an image for x86_64.
const FLAGS: u16 = 0;
/// What is used if nobody says how much memory: 1 GiB.
const DEFAULT_MEMORY_BYTES: u64 = 1 << 30;
const DEFAULT_CPUS: u64 = 2;
const MAX_SECTIONS: usize = 32;
const HEADER_BYTES: usize = 548;
const SECTION_HEADER_BYTES: usize = 12;

const KERNEL: u16 = 1;
const COMMAND_LINE: u16 = 2;
const RAMDISK: u16 = 3;
const METADATA: u16 = 5;

/// What stands in front of ramdisks: kernel, command line and metadata, in this order.
const FIXED_SECTIONS: usize = 3;
/// Room for one more section is left: images that AWS signs have one.
const MAX_RAMDISKS: usize = MAX_SECTIONS - FIXED_SECTIONS - 1;

/// Longest command line that a kernel takes on x86_64.
const MAX_COMMAND_LINE_BYTES: usize = 2047;

/// Describes the image to `nitro-cli describe-eif`, which refuses images without these fields. It is
/// not measured, so it says nothing that somebody could rely on, nor anything that changes.
const DESCRIPTION: &str = concat!(
    r#"{"ImageName":"sharekeep","ImageVersion":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","BuildMetadata":{"BuildTime":"1970-01-01T00:00:00+00:00","BuildTool":"sharekeep-image","#,
    r#""BuildToolVersion":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","OperatingSystem":"Linux","KernelVersion":"-"},"DockerInfo":null,"CustomMetadata":null}"#,
);

/// An enclave image: what is in an EIF file. Written after AWS's crate
/// `aws-nitro-enclaves-image-format` 0.8.1, byte for byte.
#[derive(Clone)]
pub struct Image {
    kernel: Vec<u8>,
    command_line: String,
    description: Vec<u8>,
    ramdisks: Vec<Ramdisk>,
}

impl Image {
    /// Puts an image together. Of `ramdisks` the first goes into PCR1 and the others into PCR2.
    ///
    /// # Errors
    /// [`Error::CommandLine`], [`Error::Ramdisks`] and [`Error::TooLarge`].
    pub fn new(
        kernel: Vec<u8>,
        command_line: &str,
        ramdisks: impl IntoIterator<Item = Ramdisk>,
    ) -> Result<Self, Error> {
        Self::described(kernel, command_line, DESCRIPTION.into(), ramdisks.into_iter().collect())
    }

    fn described(
        kernel: Vec<u8>,
        command_line: &str,
        description: Vec<u8>,
        ramdisks: Vec<Ramdisk>,
    ) -> Result<Self, Error> {
        let printable = command_line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !printable || command_line.is_empty() || command_line.len() > MAX_COMMAND_LINE_BYTES {
            return Err(Error::CommandLine);
        }
        if !(2..=MAX_RAMDISKS).contains(&ramdisks.len()) {
            return Err(Error::Ramdisks(ramdisks.len()));
        }
        let image = Self { kernel, command_line: command_line.into(), description, ramdisks };
        if image.sections().iter().map(|(_, content)| content.len()).sum::<usize>()
            > MAX_IMAGE_BYTES - HEADER_BYTES - MAX_SECTIONS * SECTION_HEADER_BYTES
        {
            return Err(Error::TooLarge("the image"));
        }
        Ok(image)
    }

    /// The kernel, as it is booted.
    pub fn kernel(&self) -> &[u8] {
        &self.kernel
    }

    /// What the kernel is told. On Nitro the hypervisor appends its devices.
    pub fn command_line(&self) -> &str {
        &self.command_line
    }

    /// In the order in which the kernel unpacks them, later files over earlier ones.
    pub fn ramdisks(&self) -> &[Ramdisk] {
        &self.ramdisks
    }

    /// What an enclave that runs this image is attested with.
    pub fn measurements(&self) -> Measurements {
        let ramdisks = self.ramdisks.iter().map(Ramdisk::bytes);
        Measurements::of(&self.kernel, self.command_line.as_bytes(), ramdisks)
    }

    fn sections(&self) -> Vec<(u16, &[u8])> {
        let fixed: [(u16, &[u8]); FIXED_SECTIONS] = [
            (KERNEL, &self.kernel),
            (COMMAND_LINE, self.command_line.as_bytes()),
            (METADATA, &self.description),
        ];
        let ramdisks = self.ramdisks.iter().map(|ramdisk| (RAMDISK, ramdisk.bytes()));
        fixed.into_iter().chain(ramdisks).collect()
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let sections = self.sections();
        let (mut offsets, mut sizes) = ([0u64; MAX_SECTIONS], [0u64; MAX_SECTIONS]);
        let mut body = Vec::new();
        for (index, (kind, content)) in sections.iter().enumerate() {
            offsets[index] = (HEADER_BYTES + body.len()) as u64;
            sizes[index] = content.len() as u64;
            body.extend(kind.to_be_bytes());
            body.extend(0u16.to_be_bytes());
            body.extend((content.len() as u64).to_be_bytes());
            body.extend_from_slice(content);
        }
        let mut file = Vec::with_capacity(HEADER_BYTES + body.len());
        file.extend(MAGIC);
        file.extend(VERSION.to_be_bytes());
        file.extend(FLAGS.to_be_bytes());
        file.extend(DEFAULT_MEMORY_BYTES.to_be_bytes());
        file.extend(DEFAULT_CPUS.to_be_bytes());
        file.extend(0u16.to_be_bytes());
        file.extend((sections.len() as u16).to_be_bytes());
        file.extend(offsets.into_iter().chain(sizes).flat_map(u64::to_be_bytes));
        file.extend(0u32.to_be_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&file);
        checksum.update(&body);
        file.extend(checksum.finalize().to_be_bytes());
        file.extend(body);
        file
    }

    /// Reads a file as [`Image::to_bytes`] writes it, and no other. Loaders differ in what they
    /// believe, the table of sections or the sections; here both must say the same, with nothing
    /// between, behind or twice, so that what was measured here is what any loader boots.
    ///
    /// # Errors
    /// [`Error::TooLarge`] before anything is parsed, [`Error::Eif`], and those of [`Image::new`].
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        if file.len() > MAX_IMAGE_BYTES {
            return Err(Error::TooLarge("the image"));
        }
        let mut rest = file.get(HEADER_BYTES..).ok_or(Error::Eif("it ends in its header"))?;
        if file[..4] != MAGIC {
            return Err(Error::Eif("it does not begin like one"));
        }
        let mut sections = Vec::new();
        while let Some((head, tail)) = rest.split_first_chunk::<SECTION_HEADER_BYTES>() {
            if sections.len() == MAX_SECTIONS {
                return Err(Error::Eif("it has too many sections"));
            }
            let [kind_high, kind_low, _, _, size @ ..] = *head;
            let size = usize::try_from(u64::from_be_bytes(size)).ok();
            let (content, behind) = size
                .and_then(|size| tail.split_at_checked(size))
                .ok_or(Error::Eif("a section goes past its end"))?;
            sections.push((u16::from_be_bytes([kind_high, kind_low]), content));
            rest = behind;
        }
        let [(KERNEL, kernel), (COMMAND_LINE, line), (METADATA, description), ramdisks @ ..] =
            sections.as_slice()
        else {
            return Err(Error::Eif("its sections are not kernel, command line, description"));
        };
        if ramdisks.iter().any(|(kind, _)| *kind != RAMDISK) {
            return Err(Error::Eif("something is behind the description that is no ramdisk"));
        }
        let line = str::from_utf8(line).map_err(|_| Error::CommandLine)?;
        let ramdisks = ramdisks.iter().map(|(_, content)| Ramdisk::from_image(content)).collect();
        let image = Self::described(kernel.to_vec(), line, description.to_vec(), ramdisks)?;
        // Header, table, checksum and everything that was skipped above.
        if image.to_bytes() != file {
            return Err(Error::Eif("its header says something else than its sections"));
        }
        Ok(image)
    }
}
