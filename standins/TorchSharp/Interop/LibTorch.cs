using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TorchSharp.Interop;

/// <summary>The shim's functions, and the turning of its failures into exceptions.</summary>
internal static partial class LibTorch
{
    private const string Library = "tsshim";

    static LibTorch() => NativeLibrary.SetDllImportResolver(typeof(LibTorch).Assembly, Load);

    /// <summary>A tensor that the shim returned.</summary>
    /// <exception cref="ExternalException">libtorch threw.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static torch.Tensor Give(nint handle)
    {
        if (handle == 0) Fail();
        return new torch.Tensor(handle);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Check(int status)
    {
        if (status != 0) Fail();
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    internal static void Fail() => throw new ExternalException(Marshal.PtrToStringUTF8(ts_last_error()) ?? "libtorch failed");

    private static nint Load(string name, Assembly assembly, DllImportSearchPath? paths)
    {
        if (name != Library) return 0;
        var beside = Path.Combine(AppContext.BaseDirectory, "libtsshim.so");
        if (!File.Exists(beside) && assembly.Location.Length > 0)
            beside = Path.Combine(Path.GetDirectoryName(assembly.Location)!, "libtsshim.so");
        try
        {
            return NativeLibrary.Load(beside);
        }
        catch (DllNotFoundException e)
        {
            var cause = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[0].Split(". ")[0];
            throw new DllNotFoundException($"{cause}; install the libtorch that this was built against (Debian: apt-get install libtorch-dev), or rebuild", e);
        }
    }
}
