//! From what the user types or hands over to a message that can be decoded.

use crate::address::bitcoin_network;
use crate::arguments::{Bitcoin, Message, SignKind, TextEncoding};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sharekeep::{Error, Result};
use sharekeep_messages::{Bytes, MAX_MESSAGE_BYTES, SignRequest, SpentOutput};
use std::io::Read;
use std::path::Path;

/// Largest file: a message written in base64 or hex with line breaks.
const MAX_FILE_BYTES: u64 = 3 * MAX_MESSAGE_BYTES as u64;
/// How a PSBT in binary form begins (BIP-174).
const PSBT_MAGIC: &[u8] = b"psbt\xff";

/// The requests to sign one after the other. For a PSBT or a Bitcoin transaction with several
/// inputs, each signs one input, and takes over what the one before brought.
pub(crate) enum Plan {
    /// One signature.
    Once(SignRequest),
    /// One signature an input.
    Inputs(SignRequest, Vec<u32>),
}

pub(crate) fn plan(kind: &SignKind) -> Result<Plan> {
    let once = |request| Ok(Plan::Once(request));
    match kind {
        SignKind::EthereumTransaction(message) => {
            once(SignRequest::EthereumTransaction { unsigned: bytes(message, TextEncoding::Hex)? })
        }
        SignKind::EthereumText(message) => once(SignRequest::EthereumText { text: text(message)? }),
        SignKind::EthereumTypedData { message, chain_id } => {
            once(SignRequest::EthereumTypedData { json: text(message)?, chain_id: *chain_id })
        }
        SignKind::BitcoinPsbt { message, bitcoin } => {
            let psbt = bytes(message, TextEncoding::Base64)?;
            let network = bitcoin_network(bitcoin.network);
            inputs(bitcoin, |input| SignRequest::BitcoinPsbt { psbt, input, network })
        }
        SignKind::BitcoinTransaction { message, bitcoin, spent } => {
            let unsigned = bytes(message, TextEncoding::Hex)?;
            let spent = spent.iter().map(|text| spent_output(text)).collect::<Result<_>>()?;
            let network = bitcoin_network(bitcoin.network);
            inputs(bitcoin, |input| SignRequest::BitcoinTransaction {
                unsigned,
                spent,
                input,
                network,
            })
        }
        SignKind::SolanaMessage(message) => {
            once(SignRequest::SolanaMessage { message: bytes(message, TextEncoding::Base64)? })
        }
        SignKind::Raw(message) => once(SignRequest::Raw { bytes: raw(message)? }),
    }
}

/// What all kinds share.
pub(crate) fn options(kind: &SignKind) -> &Message {
    match kind {
        SignKind::EthereumTransaction(message)
        | SignKind::EthereumText(message)
        | SignKind::EthereumTypedData { message, .. }
        | SignKind::BitcoinPsbt { message, .. }
        | SignKind::BitcoinTransaction { message, .. }
        | SignKind::SolanaMessage(message)
        | SignKind::Raw(message) => message,
    }
}

/// The same request for another input, with what signing an earlier input brought.
pub(crate) fn next_input(request: SignRequest, signed: Vec<u8>, next: u32) -> SignRequest {
    match request {
        SignRequest::BitcoinPsbt { network, .. } => {
            SignRequest::BitcoinPsbt { psbt: signed.into(), input: next, network }
        }
        SignRequest::BitcoinTransaction { spent, network, .. } => {
            let unsigned = signed.into();
            SignRequest::BitcoinTransaction { unsigned, spent, input: next, network }
        }
        other => other,
    }
}

fn inputs(bitcoin: &Bitcoin, request: impl FnOnce(u32) -> SignRequest) -> Result<Plan> {
    let (first, rest) = bitcoin
        .input
        .split_first()
        .ok_or_else(|| Error::Usage("say which input to sign".to_owned()))?;
    Ok(Plan::Inputs(request(*first), rest.to_vec()))
}

fn spent_output(text: &str) -> Result<SpentOutput> {
    let malformed = || Error::Usage(format!("{text}: must be SATOSHIS:SCRIPT with script in hex"));
    let (amount, script) = text.split_once(':').ok_or_else(malformed)?;
    Ok(SpentOutput {
        amount_sat: amount.parse().map_err(|_| malformed())?,
        script_pubkey: hex::decode(script).map_err(|_| malformed())?.into(),
    })
}

fn text(message: &Message) -> Result<String> {
    let content = match content(message)? {
        Content::Argument(text) => return Ok(text),
        Content::File(content) => content,
    };
    String::from_utf8(content).map_err(|_| Error::Usage("the message is not text".to_owned()))
}

/// Bytes that are no transaction: an argument is hex, a file is taken exactly as it is.
fn raw(message: &Message) -> Result<Bytes> {
    match content(message)? {
        Content::Argument(text) => {
            decode(&text, message.encoding.unwrap_or(TextEncoding::Hex)).map(Bytes::from)
        }
        Content::File(content) => match message.encoding {
            None | Some(TextEncoding::Plain) => Ok(content.into()),
            Some(encoding) => decode(&utf8(&content)?, encoding).map(Bytes::from),
        },
    }
}

fn bytes(message: &Message, usual: TextEncoding) -> Result<Bytes> {
    let content = match content(message)? {
        Content::Argument(text) => text.into_bytes(),
        Content::File(content) => content,
    };
    let encoding = match message.encoding {
        Some(encoding) => encoding,
        None if content.starts_with(PSBT_MAGIC) || !is_printable(&content) => TextEncoding::Plain,
        None => usual,
    };
    match encoding {
        TextEncoding::Plain => Ok(content.into()),
        encoding => decode(&utf8(&content)?, encoding).map(Bytes::from),
    }
}

fn decode(text: &str, encoding: TextEncoding) -> Result<Vec<u8>> {
    let compact: String = text.split_whitespace().collect();
    match encoding {
        TextEncoding::Plain => Ok(text.as_bytes().to_vec()),
        TextEncoding::Hex => {
            let digits = compact.strip_prefix("0x").unwrap_or(&compact);
            hex::decode(digits).map_err(|_| Error::Usage("the message is not hex".to_owned()))
        }
        TextEncoding::Base64 => BASE64
            .decode(&compact)
            .map_err(|_| Error::Usage("the message is not base64".to_owned())),
    }
}

enum Content {
    Argument(String),
    File(Vec<u8>),
}

fn content(message: &Message) -> Result<Content> {
    if let Some(text) = &message.message {
        return Ok(Content::Argument(text.clone()));
    }
    let path = message.file.as_deref().unwrap_or(Path::new("-"));
    let mut content = Vec::new();
    let result = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut content)
    } else {
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content))
    };
    result.map_err(|source| Error::File { path: path.to_owned(), source })?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::Usage(format!("{} is too large to sign", path.display())));
    }
    Ok(Content::File(content))
}

fn is_printable(content: &[u8]) -> bool {
    content.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
}

fn utf8(content: &[u8]) -> Result<String> {
    std::str::from_utf8(content)
        .map(str::to_owned)
        .map_err(|_| Error::Usage("the message is not text".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(text: &str) -> Message {
        Message {
            message: Some(text.to_owned()),
            file: None,
            encoding: None,
            out: None,
            yes: false,
        }
    }

    fn file(content: &[u8]) -> (tempfile::TempDir, Message) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("message");
        std::fs::write(&path, content).unwrap();
        (directory, Message { message: None, file: Some(path), ..argument("") })
    }

    #[test]
    fn hex_is_read_with_and_without_prefix() {
        for text in ["0x0203", "0203", " 02\n03 "] {
            assert_eq!(&*bytes(&argument(text), TextEncoding::Hex).unwrap(), [2, 3]);
        }
    }

    #[test]
    fn a_binary_psbt_file_is_recognised() {
        let (_directory, message) = file(b"psbt\xff\x01");
        assert_eq!(&*bytes(&message, TextEncoding::Base64).unwrap(), b"psbt\xff\x01");
    }

    #[test]
    fn a_base64_psbt_file_may_have_line_breaks() {
        let (_directory, message) = file(b"cHNi\ndP8B\n");
        assert_eq!(&*bytes(&message, TextEncoding::Base64).unwrap(), b"psbt\xff\x01");
    }

    #[test]
    fn a_raw_file_is_taken_as_it_is() {
        let (_directory, message) = file(b"0203\n");
        assert_eq!(&*raw(&message).unwrap(), b"0203\n");
        assert_eq!(&*raw(&argument("0203")).unwrap(), [2, 3]);
    }

    #[test]
    fn a_spent_output_is_an_amount_and_a_script() {
        let output = spent_output("1500:5120ab").unwrap();
        assert_eq!((output.amount_sat, &*output.script_pubkey), (1500, &[0x51, 0x20, 0xab][..]));
        assert!(spent_output("5120ab").is_err());
        assert!(spent_output("-1:51").is_err());
    }

    #[test]
    fn an_oversized_file_is_refused() {
        let (_directory, message) = file(&vec![b'0'; MAX_FILE_BYTES as usize + 2]);
        assert!(bytes(&message, TextEncoding::Hex).is_err());
    }
}
