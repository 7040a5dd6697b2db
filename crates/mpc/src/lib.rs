//! The ceremonies: key generation, preparation and signing as pure state machines.
