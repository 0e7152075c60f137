"""Stop words by language."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOP_WORDS = _set(
    """
    a about after all also am an and any are as at be because been before being between both but by can could did do
    does doing down during each few for from further had has have having he her here hers him his how if in into is
    it its itself just me more most my no nor not now of off on once only or other our out over own same she should
    so some such than that the their them then there these they this those through to too under until up us very via
    was we were what when where which while who whom why will with within without would you your
    """
)

BY_LANGUAGE: dict[str, frozenset[str]] = {
    "english": STOP_WORDS,
    "german": _set(
        """
        aber als am an auch auf aus bei bin bis da damit dann das dass dem den denn der des die dies diese
        dieser dieses du durch ein eine einem einen einer eines er es für gegen hat hatte ich ihr im in ist ja
        kann kein keine mit nach nicht noch nur ob oder ohne sehr sein seine sich sie sind so um und uns unter
        vom von vor war was wenn wer wie wir wird zu zum zur zwischen über
        """
    ),
    "french": _set(
        """
        au aux avec ce ces cette comme dans de des du elle elles en est et eux il ils je la le les leur leurs
        lui ma mais me mes moi mon ne nos notre nous on ou où par pas plus pour qu que qui sa sans se ses si son
        sont sous sur ta te tes toi ton tu un une vos votre vous à été être
        """
    ),
    "spanish": _set(
        """
        a al como con cual cuando de del desde donde el ella ellas ellos en entre era es esa ese esta este fue
        ha han hasta la las le les lo los me mi muy más no nos o para pero por porque que se ser si sin sobre
        son su sus también te tu un una uno y ya yo
        """
    ),
    "italian": _set(
        """
        a ad ai al alla alle anche che chi come con da dai dal dalla degli dei del della delle di e ed era fra
        gli ha hanno i il in io la le lei lo loro lui ma mi nei nel nella noi non o per più quando quella quello
        questa questo se si sono su sua sul suo tra tu un una uno voi è
        """
    ),
    "portuguese": _set(
        """
        a ao aos as com como da das de do dos e ela elas ele eles em entre era essa esse esta este eu foi há
        isso já la mais mas me meu minha muito na nas no nos não o os ou para pela pelo por quando que quem se
        sem ser seu sua são só também te tem um uma você é
        """
    ),
    "dutch": _set(
        """
        aan al als bij dan dat de der deze die dit door een en er haar had heb heeft hem het hij hoe hun ik in
        is je kan met mijn naar niet nog nu of om omdat ook op over te toen tot uit van veel voor want was wat
        we wel werd wie zal ze zich zij zijn zo zonder zou
        """
    ),
    "russian": _set(
        """
        а без более бы был была были было быть в вам вас весь во вот все всех вы где да для до его ее если есть
        еще же за и из или им их к как ко когда кто ли мне мы на над не него нет но о об он она они от по под
        при с со так также там то того только ты у уже что чтобы эта эти это этот я
        """
    ),
}
