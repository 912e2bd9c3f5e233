using Btx.Model.Registry;

namespace Btx.Forest;

/// <summary>
/// Mixes the served BTX model anew beside the running one, for a change of its experts. Works in directories alone; touches nothing that is
/// served. Its work is done at low priority, on threads of its own. Tests have a fake.
/// </summary>
public interface IMoeRemix
{
    /// <summary>Why <see cref="MixAsync"/> could not do this, as one line with a remedy; null: it
    /// can. Reads manifests, mixes nothing.</summary>
    /// <param name="after">The state to mix for: the new model holds those experts of the present one
    /// that are ready in it, and the added one.</param>
    /// <param name="presentMoe">Directory of the BTX model that is served now (<c>served-btx.json</c>).</param>
    /// <param name="added">With absolute directories that were checked; null: experts only leave.</param>
    string? Obstacle(ForestState after, string presentMoe, ExpertAddition? added);

    /// <summary>What the model loses by being mixed anew, one line each, for <see cref="ChangeResult.Notes"/>: a
    /// removal may not keep a fine-tuned router.</summary>
    /// <exception cref="Model.BtxException">Its <c>btx.json</c> is damaged.</exception>
    IReadOnlyList<string> Notes(string presentMoe) => [];

    /// <param name="after"><inheritdoc cref="Obstacle" path="/param[@name='after']"/></param>
    /// <param name="presentMoe"><inheritdoc cref="Obstacle" path="/param[@name='presentMixture']"/></param>
    /// <param name="output">A directory that is not there yet; its parent is. What fails or is cancelled leaves nothing there.</param>
    /// <param name="added"><inheritdoc cref="Obstacle" path="/param[@name='added']"/></param>
    /// <param name="progress">Receives phase <see cref="ChangePhase.Mix"/>.</param>
    /// <returns>The new served directory: <paramref name="output"/>, durable, complete with the statistics for the next change.</returns>
    /// <exception cref="Model.BtxException">One line, with a remedy.</exception>
    Task<string> MixAsync(ForestState after, string presentMoe, string output, ExpertAddition? added,
        IProgress<ChangeProgress>? progress, CancellationToken cancellation);
}
