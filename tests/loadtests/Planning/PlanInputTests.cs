using Btx.LoadTests.Planning;

namespace Btx.LoadTests.Tests.Planning;

public sealed class PlanInputTests
{
    [Theory]
    [InlineData("125M", 125e6)]
    [InlineData("1.3B", 1.3e9)]
    [InlineData("280k", 280e3)]
    [InlineData("1000", 1000)]
    public void A_number_of_parameters(string text, double value) => Assert.Equal(value, ExpertSize.ReadParameters("--p", text), 1e-3);

    [Theory]
    [InlineData("uniform", new[] { 0.25, 0.25, 0.25, 0.25 })]
    [InlineData("zipf:0", new[] { 0.25, 0.25, 0.25, 0.25 })]
    [InlineData("1,2,5,2", new[] { 0.5, 0.2, 0.2, 0.1 })]
    public void A_mix(string text, double[] shares) =>
    Assert.All(shares.Zip(DomainShares.Read("--mix", text, 4)), pair => Assert.Equal(pair.First, pair.Second, 1e-12));

    [Fact]
    public void Zipf_falls_as_it_should()
    {
        var shares = DomainShares.Read("--mix", "zipf:1", 3);
        Assert.Equal(6 / 11.0, shares[0], 1e-12);
        Assert.Equal(2 / 11.0, shares[2], 1e-12);
    }

    [Theory]
    [InlineData("zipf")]
    [InlineData("zipf:")]
    [InlineData("zipf:-1")]
    [InlineData("0.5,0.5")]
    [InlineData("0,0,0,0")]
    [InlineData("1,1,1,NaN")]
    [InlineData("1,1,1,-1")]
    [InlineData("")]
    public void A_mix_that_is_none_is_refused(string text) =>
    Assert.StartsWith($"--mix {text}:", Assert.Throws<LoadTestException>(() => DomainShares.Read("--mix", text, 4)).Message);

    [Fact]
    public void Whatever_is_typed_gives_a_value_or_a_message()
    {
        var random = new Random(2);
        const string letters = "0123456789.,:-+eEkKmMbBNanifzup ";
        for (var trial = 0; trial < 3000; trial++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(9)).Select(_ => letters[random.Next(letters.Length)])]);
            foreach (var read in new Action[] { () => ExpertSize.ReadParameters("--p", text), () => DomainShares.Read("--mix", text, 3),
                () => DomainShares.Read("--mix", "zipf:" + text, 3) })
                try
                {
                    read();
                }
                catch (LoadTestException e)
                {
                    Assert.DoesNotContain("\n", e.Message);
                }
        }
    }

    [Theory]
    [InlineData("""{"bandwidth_gb_per_s": 0, "memory_gib": 80}""", "bandwidth_gb_per_s is 0")]
    [InlineData("""{"bandwidth_gb_per_s": 3350, "memory_gib": -1}""", "memory_gib is -1")]
    [InlineData("""{"bandwidth_gb_per_s": 3350, "memory_gib": 80, "devices": 0}""", "devices is 0")]
    [InlineData("""{"bandwidth_gb_per_s": 3350, "memory_gib": 80, "teraflops": "NaN"}""", "teraflops is NaN")]
    [InlineData("""{"memory_gib": 80}""", "cannot be read as MachineSpec")]
    [InlineData("""{"memory_gib": 80""", "cannot be read as MachineSpec")]
    public void A_machine_that_is_none_is_refused(string json, string message)
    {
        var path = Path.Combine(Path.GetTempPath(), $"btx-machine-{Guid.NewGuid():N}.json");
        File.WriteAllText(path, json);
        try
        {
            Assert.Contains(message, Assert.Throws<LoadTestException>(() => MachineSpec.Read(path)).Message);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
