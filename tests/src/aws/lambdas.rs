//! The functions' own programs as Lambda runs them, in cargo-lambda's runtime emulator.

use super::gateway::gateway;
use super::routes::Routes;
use sharekeep_local::stack::{Functions, Serving};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Processes of each function: one serves one event at a time.
const AT_ONCE: usize = 2;
/// For the emulator to listen.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// How the functions are run.
#[derive(Clone)]
pub(super) struct Lambdas {
    /// cargo-lambda.
    pub(super) emulator: PathBuf,
    /// What each function finds in its environment besides what Lambda puts there.
    pub(super) environment: super::Environment,
}

impl Functions for Lambdas {
    fn serve(&self, listener: tokio::net::TcpListener, stop: CancellationToken) -> Serving {
        let lambdas = self.clone();
        Box::pin(async move {
            let starting = tokio::task::spawn_blocking(move || lambdas.start());
            let running = starting.await.unwrap();
            let gateway =
                gateway(running.address).into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, gateway);
            served.with_graceful_shutdown(stop.cancelled_owned()).await.unwrap();
            // Waits for a second at most: the processes are killed.
            drop(running);
        })
    }
}

/// Processes that run, until this is dropped or the test's own process is gone.
struct Running {
    address: SocketAddr,
    end: Option<mpsc::Sender<()>>,
    owner: Option<JoinHandle<()>>,
}

impl Lambdas {
    fn start(self) -> Running {
        let (started, starting) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        // A thread of their own that lasts as long as they do: they die with the thread that started
        // them, for then nobody is left to stop them.
        let owner = std::thread::spawn(move || {
            let mut processes = Processes(Vec::new());
            let address = self.start_emulator(&mut processes);
            let routes = Routes::of_the_template();
            for function in routes.functions() {
                for _ in 0..AT_ONCE {
                    processes.0.push(self.start_function(function, address));
                }
            }
            let _ = started.send(address);
            // Told to, or nobody is left who could.
            let _ = ended.recv();
        });
        let address = starting.recv().expect("the functions did not start: see above");
        Running { address, end: Some(end), owner: Some(owner) }
    }

    fn start_emulator(&self, processes: &mut Processes) -> SocketAddr {
        // Free a moment ago; nobody else here is in a hurry to take it.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/Cargo.toml");
        let mut command = dying_with_us(&self.emulator);
        command
            .args(["lambda", "watch", "--only-lambda-apis", "--quiet", "--locked"])
            .args(["--invoke-address", "127.0.0.1", "--invoke-port", &free.port().to_string()])
            .arg("--manifest-path")
            .arg(functions)
            // It repeats what was set here.
            .stdout(Stdio::null());
        processes.0.push(command.spawn().unwrap());
        let start = Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(start.elapsed() < START_PATIENCE, "cargo-lambda does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        free
    }

    fn start_function(&self, name: &str, emulator: SocketAddr) -> Child {
        let mut command = dying_with_us(&program(name));
        // Nothing else: what a function needs, the template must give it.
        command.env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs([
            ("AWS_LAMBDA_RUNTIME_API", &*format!("http://{emulator}/.rt/{name}")),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ]);
        command.spawn().unwrap()
    }
}

/// How many functions there are.
#[cfg(test)]
pub(super) fn functions() -> usize {
    Routes::of_the_template().functions().len()
}

/// A program of the functions, which is built beside the tests.
pub(super) fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    // `deps/` is below where programs are.
    let path = tests.parent().unwrap().with_file_name(name);
    assert!(path.is_file(), "{} is not built: run `./dev test aws`", path.display());
    path
}

/// A process that the kernel kills when the thread that starts it ends, however that comes.
fn dying_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program).stdin(Stdio::null());
    command
}

struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        // The functions before the emulator, so that they do not complain of its end.
        for process in self.0.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(owner) = self.owner.take() {
            let _ = owner.join();
        }
    }
}
