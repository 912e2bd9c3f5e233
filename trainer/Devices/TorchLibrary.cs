using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Security.Cryptography;
using TorchSharp;

namespace Btx.Trainer.Devices;

/// <summary>Loads TorchSharp's native library where the system's libstdc++ is too old for it: a copy in the cache, made by <see
/// cref="StreamsRedirect"/> and named by the hash of the original, which stays as it is. Where the original loads nothing is
/// copied.</summary>
internal static class TorchLibrary
{
    private const string Name = "LibTorchSharp", FileName = "libLibTorchSharp.so";
    private const long LargestFile = 256 << 20;
    private static readonly Lazy<(nint Handle, string? Refusal)> s_redirected = new(Redirected);

    /// <summary>From now on the runtime asks here when it finds no library of the name that loads.</summary>
    public static void Offer() =>
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => name == Name ? s_redirected.Value.Handle : 0;

    /// <summary>Loads the library before TorchSharp does, which would print a report of its own on a failure.</summary>
    /// <returns>Why it cannot be loaded, as one line; null when it is.</returns>
    public static string? Load() => NativeLibrary.TryLoad(Name, typeof(torch).Assembly, null, out _) ? null : s_redirected.Value.Refusal;

    private static (nint Handle, string? Refusal) Redirected()
    {
        if (Find() is not { } library)
            return (0, $"{FileName} is missing: there is one for linux-x64 with glibc, and this is {RuntimeInformation.RuntimeIdentifier}");
        if (Cause(library) is not { } cause) return (NativeLibrary.Load(library), null);
        if (!cause.Contains(StreamsRedirect.NewerVersion, StringComparison.Ordinal)) return (0, cause);
        try
        {
            var copy = Copy(library, CacheDirectory.Of("torch"));
            // The copy lies apart from libtorch; the loader takes what it needs of it from what is loaded already.
            foreach (var needed in (string[])["libtorch.so", "libtorch_cpu.so", "libc10.so"])
                _ = Cause(Path.Combine(Path.GetDirectoryName(library)!, needed));
            return Cause(copy) is { } still
                ? (0, $"{still}; a copy for older systems was made of {library}, and it needs GCC 12's libstdc++ and glibc 2.34 or newer")
                : (NativeLibrary.Load(copy), null);
        }
        catch (BtxException e)
        {
            return (0, e.Message);
        }
    }

    // Why a library does not load, in the loader's words; null: it is loaded.
    private static string? Cause(string library)
    {
        try
        {
            NativeLibrary.Load(library);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            // The runtime's own advice stands on the first line, the loader's words on the next.
            return BtxException.OneLine(e.Message.Split('\n') is [_, var words, ..] ? words : e.Message);
        }
    }

    /// <summary>Where the program has the library: in one of the folders in which its host found native libraries.</summary>
    internal static string? Find() => ((string?)AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Append(AppContext.BaseDirectory)
        .Select(folder => Path.Combine(folder, FileName)).FirstOrDefault(File.Exists);

    /// <summary>The redirected copy of a library in a directory; made if it is missing or not what it should be.</summary>
    /// <exception cref="BtxException">The library cannot be redirected, or the directory cannot be written.</exception>
    internal static string Copy(string library, string directory)
    {
        var original = BoundedFile.Read(library, LargestFile);
        var name = $"{Path.GetFileNameWithoutExtension(library)}-{Convert.ToHexStringLower(SHA256.HashData(original))}.so";
        var copy = Path.Combine(directory, name);
        try
        {
            var redirected = StreamsRedirect.Apply(original);
            if (File.Exists(copy) && BoundedFile.Read(copy, LargestFile).AsSpan().SequenceEqual(redirected)) return copy;
            AtomicFile.Write(copy, stream => stream.Write(redirected));
            return copy;
        }
        catch (BtxException e)
        {
            throw new BtxException($"{library} needs {StreamsRedirect.NewerVersion} of libstdc++, which this system lacks, and no copy "
                + $"without it can be made: {e.Message}; use a system with GCC 13's libstdc++ or newer, or where the cache cannot be "
                + "written: BTX_CACHE chooses another place", e);
        }
    }
}
