//! The user's half: SDK and the sharekeep command.
