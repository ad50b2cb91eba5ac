//! The few functions of MPI that processes need to pass messages, from a library that is opened at run time. Nothing is
//! linked, so that the same program runs where there is no MPI.
//!
//! Two kinds of library differ in what handles are: Open MPI has addresses of its own objects, others have fixed
//! numbers, those of the MPI-5 standard (section 20, "Application Binary Interface") or those of MPICH.
#![expect(unsafe_code, reason = "functions of a library that is opened at run time")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
    sync::Arc,
};

use libloading::{Library, Symbol};

use crate::error::{Error, Result};

/// Values of MPI's handles. Those of MPICH have 32 bits; the upper half of the word is not looked at then.
type Handle = usize;

/// The function may be called by the thread only that called `MPI_Init_thread`.
const FUNNELED: [c_int; 2] = [1, 1024];

/// `MPI_MAX_LIBRARY_VERSION_STRING` is at most this in all libraries.
const VERSION_LEN: usize = 8192;

type Init = unsafe extern "C" fn(*mut c_int, *mut c_void, c_int, *mut c_int) -> c_int;
type OfWorld = unsafe extern "C" fn(Handle, *mut c_int) -> c_int;
type SetErrors = unsafe extern "C" fn(Handle, Handle) -> c_int;
type Send = unsafe extern "C" fn(*const c_void, c_int, Handle, c_int, c_int, Handle, *mut Handle) -> c_int;
type Receive = unsafe extern "C" fn(*mut c_void, c_int, Handle, c_int, c_int, Handle, *mut Handle) -> c_int;
type Test = unsafe extern "C" fn(*mut Handle, *mut c_int, *mut c_void) -> c_int;
type Abort = unsafe extern "C" fn(Handle, c_int) -> c_int;
type Finalize = unsafe extern "C" fn() -> c_int;
type Version = unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int;
type AbiVersion = unsafe extern "C" fn(*mut c_int, *mut c_int) -> c_int;

/// An initialised MPI. It stays in the thread that made it, which alone may call its functions.
pub struct Mpi {
    /// The number of this process.
    pub rank: usize,
    /// The number of processes.
    pub ranks: usize,
    /// The library's own name and version.
    pub version: String,
    make: Make,
    send: Send,
    receive: Receive,
    test: Test,
    abort: Abort,
    finalize: Finalize,
    /// Keeps this value in its thread.
    _here: std::marker::PhantomData<*const ()>,
}

/// What libraries of one kind call things.
#[derive(Clone, Copy)]
struct Make {
    world: Handle,
    float: Handle,
    errors_return: Handle,
    ignore: usize,
    funneled: c_int,
}

/// MPICH 3 and later, Intel MPI, MVAPICH, Cray MPI: `mpi.h` of MPICH's ABI initiative.
const MPICH: Make =
    Make { world: 0x4400_0000, float: 0x4c00_040a, errors_return: 0x5400_0001, ignore: 1, funneled: FUNNELED[0] };
/// `mpi_abi.h` of MPI 5.
const STANDARD: Make = Make { world: 0x101, float: 0x210, errors_return: 0x143, ignore: 0, funneled: FUNNELED[1] };

/// A message under way, and the values that it brings or takes.
pub struct Transfer {
    request: Handle,
    is_done: bool,
    values: Payload,
}

enum Payload {
    Sent(Arc<Vec<f32>>),
    Received(Vec<f32>),
}

impl Mpi {
    /// Opens the first of these libraries that is there, and joins the other processes, which Open MPI has started if
    /// `by_open`.
    ///
    /// # Errors
    /// None of them is there, or it is of no known make, or not that of the launcher.
    pub fn open(names: &[String], by_open: bool) -> Result<Self> {
        let mut missing = vec![];
        for name in names {
            match open(name) {
                Ok(library) => return Self::start(library, name, by_open),
                Err(error) => missing.push(error.to_string()),
            }
        }
        Err(Error::failure(format!(
            "several processes were started, and no library of MPI can be opened ({}): install one, such as \
             libopenmpi3, or name it with SADDLE_MPI=/path/to/libmpi.so.40",
            missing.join("; ")
        )))
    }

    fn start(library: &Library, name: &str, by_open: bool) -> Result<Self> {
        let version = version(library, name)?;
        // Another one would end the process when it starts.
        if by_open && !version.contains("Open MPI") {
            return Err(Error::failure(format!(
                "Open MPI has started several processes, and `{name}` is {version}: use the launcher of that, or name \
                 Open MPI's library with SADDLE_MPI=/path/to/libmpi.so.40"
            )));
        }
        let make = make(library).ok_or_else(|| {
            Error::failure(format!(
                "`{name}` is of a make that saddle does not know ({version}): it knows Open MPI, MPICH and its kin, \
                 and libraries of the MPI-5 standard; name another one with SADDLE_MPI"
            ))
        })?;
        let init: Init = function(library, name, c"MPI_Init_thread")?;
        let rank: OfWorld = function(library, name, c"MPI_Comm_rank")?;
        let size: OfWorld = function(library, name, c"MPI_Comm_size")?;
        let set_errors: SetErrors = function(library, name, c"MPI_Comm_set_errhandler")?;
        let (mut provided, mut own, mut all) = (0, 0, 0);
        // SAFETY: these are the functions of `mpi.h`, called once and in their order: MPI-1 allows null for the
        // arguments of `main`; the three results are written to integers that outlive the calls.
        let started = unsafe {
            [
                init(ptr::null_mut(), ptr::null_mut(), make.funneled, &raw mut provided),
                set_errors(make.world, make.errors_return),
                rank(make.world, &raw mut own),
                size(make.world, &raw mut all),
            ]
        };
        if started.iter().any(|status| *status != 0) || provided < make.funneled {
            return Err(Error::failure(format!("`{name}` ({version}) does not start")));
        }
        Ok(Self {
            rank: own as usize,
            ranks: all as usize,
            version,
            make,
            send: function(library, name, c"MPI_Isend")?,
            receive: function(library, name, c"MPI_Irecv")?,
            test: function(library, name, c"MPI_Test")?,
            abort: function(library, name, c"MPI_Abort")?,
            finalize: function(library, name, c"MPI_Finalize")?,
            _here: std::marker::PhantomData,
        })
    }

    /// Begins to send values to a rank.
    ///
    /// # Errors
    /// The library's.
    pub fn send(&self, to: usize, tag: i32, range: std::ops::Range<usize>, values: Arc<Vec<f32>>) -> Result<Transfer> {
        let (own, mut request) = (&values[range], 0);
        let count = count(own.len())?;
        // SAFETY: `own` lies in `values`, which the transfer keeps and nobody changes until the message is gone.
        let status = unsafe {
            (self.send)(
                own.as_ptr().cast(),
                count,
                self.make.float,
                to as c_int,
                tag,
                self.make.world,
                &raw mut request,
            )
        };
        checked(status)?;
        Ok(Transfer { request, is_done: false, values: Payload::Sent(values) })
    }

    /// Begins to receive so many values from a rank.
    ///
    /// # Errors
    /// The library's.
    pub fn receive(&self, from: usize, tag: i32, len: usize) -> Result<Transfer> {
        let (mut values, mut request) = (vec![0.0_f32; len], 0);
        let count = count(len)?;
        // SAFETY: there is room for `count` values, which the transfer keeps where they are and does not touch until
        // the message is here.
        let status = unsafe {
            let (at, float) = (values.as_mut_ptr().cast(), self.make.float);
            (self.receive)(at, count, float, from as c_int, tag, self.make.world, &raw mut request)
        };
        checked(status)?;
        Ok(Transfer { request, is_done: false, values: Payload::Received(values) })
    }

    /// Whether a message has come or gone; this is also when the library moves it on.
    ///
    /// # Errors
    /// The library's.
    pub fn test(&self, transfer: &mut Transfer) -> Result<bool> {
        if !transfer.is_done {
            let mut flag = 0;
            // SAFETY: the request is one that the library gave and has not completed; it is changed in its place. The
            // status is the constant for none.
            let status = unsafe {
                (self.test)(&raw mut transfer.request, &raw mut flag, ptr::without_provenance_mut(self.make.ignore))
            };
            checked(status)?;
            transfer.is_done = flag != 0;
        }
        Ok(transfer.is_done)
    }

    /// Ends all processes with this status.
    pub fn abort(&self, status: u8) -> ! {
        // SAFETY: `MPI_Abort` may be called at any time after the start.
        unsafe { (self.abort)(self.make.world, status.into()) };
        std::process::exit(status.into())
    }

    /// Leaves MPI, when no message is under way.
    pub fn finalize(self) {
        // SAFETY: it is called once, as this consumes the value, and by the thread that started MPI.
        unsafe { (self.finalize)() };
    }
}

impl Transfer {
    /// The values of a message that has come; none if it is not here yet, or was sent.
    pub fn received(mut self) -> Option<Vec<f32>> {
        match &mut self.values {
            Payload::Received(values) if self.is_done => Some(std::mem::take(values)),
            _ => None,
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        // The library may still read or write the values of a message under way: they stay for ever.
        if !self.is_done {
            match &mut self.values {
                Payload::Sent(values) => std::mem::forget(values.clone()),
                Payload::Received(values) => std::mem::forget(std::mem::take(values)),
            }
        }
    }
}

/// Opens a library by its name or path, for ever.
fn open(name: &str) -> Result<&'static Library, libloading::Error> {
    #[cfg(unix)]
    {
        use libloading::os::unix;
        // Plug-ins of Open MPI look for symbols of the library that has opened them.
        let flags = unix::RTLD_NOW | unix::RTLD_GLOBAL;
        // SAFETY: what runs when a library is loaded is the library's; MPI has nothing there that wants more than a
        // process. It is never unloaded, so that its functions stay.
        unsafe { unix::Library::open(Some(name), flags) }.map(|library| &*Box::leak(Box::new(library.into())))
    }
    #[cfg(not(unix))]
    // SAFETY: as above.
    unsafe {
        Library::new(name).map(|library| &*Box::leak(Box::new(library)))
    }
}

/// A function of this library; `F` is its type in `mpi.h`.
fn function<F: Copy>(library: &Library, file: &str, name: &CStr) -> Result<F> {
    // SAFETY: the caller names the type that `mpi.h` declares for this name, and the library is never unloaded.
    let found: Result<Symbol<F>, _> = unsafe { library.get(name.to_bytes_with_nul()) };
    found.map(|function| *function).map_err(|error| Error::failure(format!("`{file}` is no library of MPI: {error}")))
}

/// The first line of what the library says of itself.
fn version(library: &Library, name: &str) -> Result<String> {
    let version: Version = function(library, name, c"MPI_Get_library_version")?;
    let (mut text, mut len) = (vec![0_u8; VERSION_LEN], 0);
    // SAFETY: the function writes at most `MPI_MAX_LIBRARY_VERSION_STRING` bytes, for which there is room; it may be
    // called before the start.
    unsafe { version(text.as_mut_ptr().cast(), &raw mut len) };
    let text = String::from_utf8_lossy(&text[..(len.max(0) as usize).min(VERSION_LEN)]).into_owned();
    let line = text.lines().next().unwrap_or_default().split(", package").next().unwrap_or_default();
    Ok(line.replace(['\t', '\0'], " ").trim().to_owned())
}

/// The kind of a library, told by its symbols and numbers.
fn make(library: &Library) -> Option<Make> {
    let object = |name: &CStr| -> Option<Handle> {
        // SAFETY: only the address is taken; nothing is read there.
        let found: Result<Symbol<*const c_void>, _> = unsafe { library.get(name.to_bytes_with_nul()) };
        // SAFETY: as above.
        found.ok().map(|symbol| unsafe { symbol.try_as_raw_ptr() }.map_or(0, |at| at as usize)).filter(|at| *at != 0)
    };
    if let Some(world) = object(c"ompi_mpi_comm_world") {
        let (float, errors_return) = (object(c"ompi_mpi_float")?, object(c"ompi_mpi_errors_return")?);
        return Some(Make { world, float, errors_return, ignore: 0, funneled: FUNNELED[0] });
    }
    if let Ok(abi) = function::<AbiVersion>(library, "", c"MPI_Abi_get_version") {
        let (mut major, mut minor) = (0, 0);
        // SAFETY: the function writes two integers, and may be called before the start.
        let status = unsafe { abi(&raw mut major, &raw mut minor) };
        if status == 0 && major > 0 {
            return Some(STANDARD);
        }
    }
    // A macro of their `mpi.h` names it.
    object(c"MPIR_Dup_fn").map(|_| MPICH)
}

fn count(len: usize) -> Result<c_int> {
    len.try_into().map_err(|_| Error::failure(format!("{len} values are too many for one message of MPI")))
}

fn checked(status: c_int) -> Result<()> {
    match status {
        0 => Ok(()),
        status => Err(Error::device(format!("MPI fails with error {status}"))),
    }
}
