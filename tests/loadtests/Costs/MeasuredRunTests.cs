using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Comparing;

namespace Btx.LoadTests.Tests.Costs;

public sealed class MeasuredRunTests
{
    [Fact]
    public void What_is_not_a_run_is_refused()
    {
        Assert.Equal("nowhere: no such directory; name one that btx loadtest sweep or run wrote",
            Assert.Throws<LoadTestException>(() => MeasuredRun.Load("nowhere")).Message);
        using var run = new PlantedRun([]);
        Assert.Contains("holds no measured point", Assert.Throws<LoadTestException>(() => MeasuredRun.Load(run.Path)).Message);
        RunJson.Write(run.At(RunDirectory.Description), PlantedRun.Described with { Schema = 2 });
        Assert.Contains("schema 2, this program reads 1", Assert.Throws<LoadTestException>(() => MeasuredRun.Load(run.Path)).Message);
        File.Delete(run.At(RunDirectory.Description));
        Assert.Contains("it is not a run's directory", Assert.Throws<LoadTestException>(() => MeasuredRun.Load(run.Path)).Message);
    }

    // Whatever happens to the bytes: a run, or one line that says what is wrong.
    [Theory]
    [InlineData(RunDirectory.Points)]
    [InlineData(RunDirectory.Description)]
    [InlineData(RunDirectory.Quality)]
    public void A_damaged_file_gives_a_message(string name)
    {
        using var run = new PlantedRun(PlantedRun.Grid(1).Take(3), quality: Planted.Quality(("ensemble@fp32", 2)));
        var whole = File.ReadAllBytes(run.At(name));
        var random = new Random(6);
        int refused = 0;
        for (var trial = 0; trial < 400; trial++)
        {
            byte[] bytes = [.. whole];
            switch (trial % 4)
            {
                case 0: bytes = bytes[..random.Next(bytes.Length)]; break;
                case 1: bytes[random.Next(bytes.Length)] = (byte)random.Next(256); break;
                case 2:
                    bytes = System.Text.Encoding.UTF8.GetBytes(ReplaceNumber(System.Text.Encoding.UTF8.GetString(bytes),
                    random)); break;
                default: Array.Copy(bytes, random.Next(bytes.Length / 2), bytes, bytes.Length / 2, random.Next(bytes.Length / 2)); break;
            }

            File.WriteAllBytes(run.At(name), bytes);
            try
            {
                var read = MeasuredRun.Load(run.Path);
                read.Analyse(new AnalysisOptions());
                if (read.Faults.Count > 0) refused++;
                Assert.All(read.Faults, f => Assert.Contains($"{name}, line ", f));
            }
            catch (LoadTestException e)
            {
                refused++;
                Assert.DoesNotContain("\n", e.Message);
                Assert.Contains(name, e.Message);
            }
        }

        Assert.InRange(refused, 50, 400);
    }

    private static string ReplaceNumber(string text, Random random)
    {
        var digits = Enumerable.Range(0, text.Length).Where(i => char.IsDigit(text[i])).ToArray();
        var at = digits[random.Next(digits.Length)];
        string[] others = ["null", "-1", "\"NaN\"", "1e308", "[]", "{}", "0"];
        int from = at, to = at;
        while (from > 0 && "0123456789.-Ee+".Contains(text[from - 1])) from--;
        while (to < text.Length && "0123456789.-Ee+".Contains(text[to])) to++;
        return text[..from] + others[random.Next(others.Length)] + text[to..];
    }
}
