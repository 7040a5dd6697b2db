//! Bitcoin transactions and PSBTs: what they spend, and what they say about it.

use super::given::{bare, key_of, network, own_script, previous, sec1, spending, xonly};
use super::{ECDSA, TAPROOT};
use bitcoin::{Amount, EcdsaSighashType, TapSighashType, TxOut, consensus::serialize, psbt::Psbt};
use sharekeep_messages::{MessageError, Scheme, SignRequest, SpentOutput};

fn bitcoin_error(request: &SignRequest, scheme: Scheme) -> MessageError {
    request.decode(scheme, &key_of(scheme)).unwrap_err()
}

#[test]
fn an_input_of_somebody_else_is_not_signed() {
    for (scheme, other) in [(TAPROOT, ECDSA), (ECDSA, TAPROOT)] {
        let script = own_script(other);
        let request = bare(&spending(1, &script), &script, 0);
        assert_eq!(bitcoin_error(&request, scheme), MessageError::NotOurInput(0));
    }
}

#[test]
fn inputs_out_of_range_twice_or_from_nowhere_are_refused() {
    let script = own_script(TAPROOT);
    let transaction = spending(2, &script);
    let request = bare(&transaction, &script, 2);
    assert_eq!(bitcoin_error(&request, TAPROOT), MessageError::InputOutOfRange(2));

    let mut twice = transaction.clone();
    twice.input[1] = twice.input[0].clone();
    assert_eq!(bitcoin_error(&bare(&twice, &script, 0), TAPROOT), MessageError::DuplicateInput);

    let mut coinbase = transaction.clone();
    coinbase.input[1].previous_output = bitcoin::OutPoint::null();
    assert_eq!(
        bitcoin_error(&bare(&coinbase, &script, 0), TAPROOT),
        MessageError::BitcoinTransaction("a coinbase input")
    );

    let SignRequest::BitcoinTransaction { unsigned, mut spent, input, network } =
        bare(&transaction, &script, 0)
    else {
        unreachable!()
    };
    spent.pop();
    let request = SignRequest::BitcoinTransaction { unsigned, spent, input, network };
    assert_eq!(bitcoin_error(&request, TAPROOT), MessageError::SpentOutputMissing(1));
}

#[test]
fn amounts_that_overflow_or_exceed_the_inputs_are_refused() {
    let script = own_script(TAPROOT);
    let mut transaction = spending(1, &script);
    transaction.output[0].value = Amount::from_sat(100_000_001);
    let request = bare(&transaction, &script, 0);
    assert_eq!(bitcoin_error(&request, TAPROOT), MessageError::AmountOutOfRange);

    transaction.output[0].value = Amount::from_sat(u64::MAX);
    let request = bare(&transaction, &script, 0);
    assert_eq!(bitcoin_error(&request, TAPROOT), MessageError::AmountOutOfRange);

    let unsigned = serialize(&spending(1, &script)).into();
    let spent = vec![SpentOutput {
        amount_sat: 21_000_000 * 100_000_000 + 1,
        script_pubkey: script.to_bytes().into(),
    }];
    let request = SignRequest::BitcoinTransaction { unsigned, spent, input: 0, network: network() };
    assert_eq!(bitcoin_error(&request, TAPROOT), MessageError::AmountOutOfRange);
}

#[test]
fn a_bitcoin_transaction_with_trailing_or_missing_bytes_is_refused() {
    let script = own_script(TAPROOT);
    let transaction = spending(1, &script);
    let bytes = serialize(&transaction);
    for malformed in [[&bytes[..], &[0]].concat(), bytes[..bytes.len() - 1].to_vec(), vec![]] {
        let SignRequest::BitcoinTransaction { spent, input, network, .. } =
            bare(&transaction, &script, 0)
        else {
            unreachable!()
        };
        let request =
            SignRequest::BitcoinTransaction { unsigned: malformed.into(), spent, input, network };
        assert_eq!(
            bitcoin_error(&request, TAPROOT),
            MessageError::BitcoinTransaction("not a transaction")
        );
    }
}

/// A PSBT of [`spending`] with both kinds of utxo fields in every input.
fn psbt(inputs: u8, scheme: Scheme) -> Psbt {
    let script = own_script(scheme);
    let mut psbt = Psbt::from_unsigned_tx(spending(inputs, &script)).unwrap();
    for (index, input) in psbt.inputs.iter_mut().enumerate() {
        let previous = previous(index as u8, &script);
        input.witness_utxo = Some(previous.output[0].clone());
        input.non_witness_utxo = Some(previous);
    }
    psbt
}

fn psbt_request(psbt: &Psbt) -> SignRequest {
    SignRequest::BitcoinPsbt { psbt: psbt.serialize().into(), input: 0, network: network() }
}

#[test]
fn a_psbt_that_contradicts_itself_about_what_it_spends_is_refused() {
    for scheme in [TAPROOT, ECDSA] {
        psbt_request(&psbt(2, scheme)).decode(scheme, &key_of(scheme)).unwrap();

        let mut lying = psbt(2, scheme);
        lying.inputs[1].witness_utxo =
            Some(TxOut { value: Amount::from_sat(1), script_pubkey: own_script(scheme) });
        assert_eq!(
            bitcoin_error(&psbt_request(&lying), scheme),
            MessageError::SpentOutputConflict(1)
        );

        let mut other_transaction = psbt(2, scheme);
        other_transaction.inputs[1].non_witness_utxo = Some(previous(7, &own_script(scheme)));
        assert_eq!(
            bitcoin_error(&psbt_request(&other_transaction), scheme),
            MessageError::SpentOutputConflict(1)
        );

        let mut silent = psbt(2, scheme);
        silent.inputs[1].witness_utxo = None;
        silent.inputs[1].non_witness_utxo = None;
        assert_eq!(
            bitcoin_error(&psbt_request(&silent), scheme),
            MessageError::SpentOutputMissing(1)
        );
    }
}

#[test]
fn a_fee_that_segwit_v0_would_let_somebody_hide_is_not_signed() {
    let mut unproven = psbt(2, ECDSA);
    unproven.inputs[1].non_witness_utxo = None;
    assert_eq!(
        bitcoin_error(&psbt_request(&unproven), ECDSA),
        MessageError::SpentOutputUnproven(1)
    );
    let script = own_script(ECDSA);
    assert_eq!(
        bitcoin_error(&bare(&spending(2, &script), &script, 0), ECDSA),
        MessageError::SpentOutputUnproven(1)
    );
    // Taproot commits to all amounts, and one input commits to its own.
    let mut taproot = psbt(2, TAPROOT);
    taproot.inputs[1].non_witness_utxo = None;
    psbt_request(&taproot).decode(TAPROOT, &xonly()).unwrap();
    bare(&spending(1, &script), &script, 0).decode(ECDSA, &sec1()).unwrap();
}

#[test]
fn sighash_types_other_than_default_and_all_are_refused() {
    for sighash_type in [
        TapSighashType::None,
        TapSighashType::Single,
        TapSighashType::AllPlusAnyoneCanPay,
        TapSighashType::NonePlusAnyoneCanPay,
        TapSighashType::SinglePlusAnyoneCanPay,
    ] {
        let mut psbt = psbt(1, TAPROOT);
        psbt.inputs[0].sighash_type = Some(sighash_type.into());
        assert_eq!(bitcoin_error(&psbt_request(&psbt), TAPROOT), MessageError::SighashType);
    }
    for sighash_type in [EcdsaSighashType::None, EcdsaSighashType::SinglePlusAnyoneCanPay] {
        let mut psbt = psbt(1, ECDSA);
        psbt.inputs[0].sighash_type = Some(sighash_type.into());
        assert_eq!(bitcoin_error(&psbt_request(&psbt), ECDSA), MessageError::SighashType);
    }
    let mut unknown = psbt(1, TAPROOT);
    unknown.inputs[0].sighash_type = Some(bitcoin::psbt::PsbtSighashType::from_u32(0x4000_0000));
    assert_eq!(bitcoin_error(&psbt_request(&unknown), TAPROOT), MessageError::SighashType);
}

#[test]
fn a_script_tree_or_another_internal_key_is_refused() {
    use bitcoin::{hashes::Hash, taproot::TapNodeHash};
    let mut tree = psbt(1, TAPROOT);
    tree.inputs[0].tap_merkle_root = Some(TapNodeHash::from_byte_array([1; 32]));
    assert_eq!(bitcoin_error(&psbt_request(&tree), TAPROOT), MessageError::NotOurInput(0));
    let mut other = psbt(1, TAPROOT);
    other.inputs[0].tap_internal_key =
        Some("cc8a4bc64d897bddc5fbc2f670f7a8ba0b386779106cf1223c6fc5d7cd6fc115".parse().unwrap());
    assert_eq!(bitcoin_error(&psbt_request(&other), TAPROOT), MessageError::NotOurInput(0));
}

#[test]
fn a_psbt_with_trailing_bytes_or_duplicate_keys_is_refused() {
    let bytes = psbt(1, TAPROOT).serialize();
    let trailing = [&bytes[..], &[0]].concat();
    let request = SignRequest::BitcoinPsbt { psbt: trailing.into(), input: 0, network: network() };
    assert_eq!(
        bitcoin_error(&request, TAPROOT),
        MessageError::BitcoinTransaction("trailing bytes")
    );
}
