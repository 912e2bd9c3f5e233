namespace Btx.Model.Tests;

/// <summary>Seeded damage to a valid file: flipped bits, cuts, repeats, swapped numbers and stray JSON.
/// The same seed makes the same damage.</summary>
internal static class Mutations
{
    private static readonly string[] Strays =
    [
        "-1", "18446744073709551615", "9223372036854775807", "1e999", "null", "[]", "{}", "\"\"", "\"\\ud800\"", "\"..\"",
            "\"/etc/passwd\"", "true",
        "\"a\\u0000b\"", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "0.5", "NaN", "\ufeff",
    ];

    public static byte[] Damage(byte[] valid, int seed)
    {
        var random = new Random(seed);
        var bytes = valid.ToList();
        for (var n = random.Next(1, 4); n > 0 && bytes.Count > 0; n--)
        {
            var at = random.Next(bytes.Count);
            var length = Math.Min(random.Next(1, 24), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, length));
                    break;
                case 4:
                    bytes.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(Strays[random.Next(Strays.Length)]));
                    break;
                default:
                    ReplaceValue(bytes, at, random);
                    break;
            }
        }

        return [.. bytes];
    }

    // Swaps the JSON value after the next colon for a stray one, so that the text often stays well-formed.
    private static void ReplaceValue(List<byte> bytes, int at, Random random)
    {
        var colon = bytes.IndexOf((byte)':', at);
        if (colon < 0) return;
        var end = colon + 1;
        while (end < bytes.Count && bytes[end] is not ((byte)',' or (byte)'}' or (byte)']')) end++;
        bytes.RemoveRange(colon + 1, end - colon - 1);
        bytes.InsertRange(colon + 1, System.Text.Encoding.UTF8.GetBytes(Strays[random.Next(Strays.Length)]));
    }

    /// <summary>Runs <paramref name="read"/> on <paramref name="count"/> damaged copies. Anything but success or a one-line BtxException
    /// fails the test, and so does taking much memory.</summary>
    public static void Fuzz(byte[] valid, int count, Action<byte[]> read)
    {
        var refused = 0;
        for (var seed = 0; seed < count; seed++)
        {
            var damaged = Damage(valid, seed);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(damaged);
            }
            catch (BtxException e)
            {
                refused++;
                Assert.False(e.Message.Any(char.IsControl), $"seed {seed}: more than one printable line: {e.Message}");
                Assert.True(e.Message.Length < 4000, $"seed {seed}: message of {e.Message.Length} characters");
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {e}");
            }

            var used = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(used < 32 << 20, $"seed {seed}: {used} bytes allocated");
        }

        Assert.InRange(refused, count / 4, count);
    }
}
