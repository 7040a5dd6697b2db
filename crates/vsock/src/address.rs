use std::{fmt, path::PathBuf, str::FromStr};

/// The context id to listen with: whichever one this machine has.
pub const ANY_CID: u32 = tokio_vsock::VMADDR_CID_ANY;

/// What is wrong with an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is neither form.
    #[error("an address is unix:/path or vsock:<context id or any>:<port>")]
    Malformed,
}

/// Where one of the two listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A Unix socket: `unix:/path`.
    Unix(PathBuf),
    /// A vsock port: `vsock:<context id>:<port>`.
    Vsock {
        /// The context id: 3 for the parent instance, [`ANY_CID`] (`any`) to listen.
        cid: u32,
        /// The port.
        port: u32,
    },
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(Self::Unix(path.into()));
        }
        let (cid, port) = text
            .strip_prefix("vsock:")
            .and_then(|rest| rest.split_once(':'))
            .ok_or(Error::Malformed)?;
        let cid = match cid {
            "any" => ANY_CID,
            number => number.parse().map_err(|_| Error::Malformed)?,
        };
        Ok(Self::Vsock { cid, port: port.parse().map_err(|_| Error::Malformed)? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Vsock { cid: ANY_CID, port } => write!(f, "vsock:any:{port}"),
            Self::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_sockets_or_vsock_ports() {
        for text in ["unix:/run/e.sock", "vsock:16:5000", "vsock:any:8000"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for wrong in ["", "unix:relative", "vsock:3", "vsock::1", "vsock:3:x", "127.0.0.1:80"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
