/// Why something that an operator said is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The trust configuration is not one, or says something that cannot be.
    #[error("trust configuration: {0}")]
    Configuration(&'static str),
    /// These bytes are no document of a tenant that the operator key signed. One error for every
    /// cause: what is not signed is not looked at.
    #[error("not a tenant document that the operator key signed")]
    Unsigned,
    /// The document says something that no operator means.
    #[error("tenant document: {0}")]
    Document(String),
}
